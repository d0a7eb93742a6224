"""The SQL of our pictures that no row names, to be deleted by the next sweep."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, text

_ASK = text("INSERT INTO deletions (key, version, asked_at) VALUES (:key, :version, :now)")
_ASKED = text("""
    SELECT id, key, version FROM deletions WHERE id > :after_id ORDER BY id LIMIT :most
""")
_DONE = text("DELETE FROM deletions WHERE id IN :ids").bindparams(bindparam("ids", expanding=True))


@dataclass(frozen=True, slots=True)
class Deletion:
    """A picture to delete from the place where this installation has put it."""

    id: int
    key: str
    version: str  # '': not known


def ask_deletions(conn: Connection, pictures: Iterable[tuple[str, str]], now: float) -> None:
    """Order the next sweep to delete pictures (key and version, '' when not known)."""
    rows = [{"key": key, "version": version, "now": now} for key, version in pictures]
    if rows:
        conn.execute(_ASK, rows)


def asked_deletions(conn: Connection, after_id: int, most: int) -> list[Deletion]:
    """The waiting deletions, in the order of the requests."""
    values = {"after_id": after_id, "most": most}
    return [Deletion(*row) for row in conn.execute(_ASKED, values)]


def deletions_done(conn: Connection, ids: Sequence[int]) -> None:
    """Remove deletions that are done."""
    if ids:
        conn.execute(_DONE, {"ids": ids})
