"""The SQL of who we are, and of pictures of ours that are to be deleted and that no row names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, text

_ID = text("SELECT installation_id FROM installation WHERE pk = 1")
_ASK = text("INSERT INTO deletions (key, version, asked_at) VALUES (:key, :version, :now)")
_ASKED = text("""
    SELECT id, key, version FROM deletions WHERE id > :after_id ORDER BY id LIMIT :most
""")
_DONE = text("DELETE FROM deletions WHERE id IN :ids").bindparams(bindparam("ids", expanding=True))


@dataclass(frozen=True, slots=True)
class Deletion:
    """A picture that is to be deleted where this installation has put it."""

    id: int
    key: str
    version: str  # '': not known


def installation_id(conn: Connection) -> str:
    """The id that the migration gave this database; it never changes."""
    found: str = conn.execute(_ID).scalar_one()
    return found


def ask_deletions(conn: Connection, pictures: Iterable[tuple[str, str]], now: float) -> None:
    """Have pictures (key and version, '' when not known) deleted by the next sweep."""
    rows = [{"key": key, "version": version, "now": now} for key, version in pictures]
    if rows:
        conn.execute(_ASK, rows)


def asked_deletions(conn: Connection, after_id: int, most: int) -> list[Deletion]:
    """The deletions that wait, in the order in which they were asked for."""
    values = {"after_id": after_id, "most": most}
    return [Deletion(*row) for row in conn.execute(_ASKED, values)]


def deletions_done(conn: Connection, ids: Sequence[int]) -> None:
    """Forget deletions."""
    if ids:
        conn.execute(_DONE, {"ids": ids})
