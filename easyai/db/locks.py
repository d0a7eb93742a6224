"""Locks of rows that other transactions may hold, with the same statements on both databases.

PostgreSQL locks rows singly, in the order in which a statement reads them. Transactions that
wait for each other's rows are a deadlock, so every transaction locks rows in the same order
(docs/architecture.md, "Locks"). A statement that may skip locked rows never waits. SQLite has a
single writer and no row locks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Literal

from sqlalchemy import Connection, TextClause, bindparam, text

_SKIPPING: Final = "FOR UPDATE SKIP LOCKED"


class Skipping:
    """A statement that skips rows that another transaction locks.

    The SQL has `{skipping}` at the end of the sub-query that selects its rows.
    """

    def __init__(self, sql: str, *lists: str) -> None:
        """`lists` are the parameters that hold several values."""
        self._sqlite = _text(sql.format(skipping=""), lists)
        self._postgresql = _text(sql.format(skipping=_SKIPPING), lists)

    def on(self, conn: Connection) -> TextClause:
        """The statement for the database of a connection."""
        return self._sqlite if conn.dialect.name == "sqlite" else self._postgresql


def lock_in_order(conn: Connection, table: Literal["frames", "alerts"], ids: Iterable[int]) -> None:
    """Lock rows in order of id, before a change of rows that other transactions may change, too."""
    if conn.dialect.name == "sqlite":
        return
    if ordered := sorted(set(ids)):
        conn.execute(_IN_ORDER[table], {"ids": ordered})


def _text(sql: str, lists: Sequence[str]) -> TextClause:
    return text(sql).bindparams(*(bindparam(name, expanding=True) for name in lists))


_IN_ORDER: Final = {
    table: text(f"SELECT id FROM {table} WHERE id = ANY(:ids) ORDER BY id FOR UPDATE")  # noqa: S608
    for table in ("frames", "alerts")
}
