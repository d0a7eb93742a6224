"""A statement for many rows: SQLite runs it row by row, PostgreSQL at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, text

_SQL: Final = {int: "bigint", float: "double precision", str: "text"}
# PostgreSQL takes 1 GB at once, and a result may be some megabytes.
_MOST_ROWS: Final = 100


class ManyRows:
    """Written once for both databases: ``{name}`` is a value of the row, ``{rows}`` its FROM.

    PostgreSQL plans a statement anew each time it is run (db/session.py says why): row by row the
    planning costs as much as the work. SQLite plans it once, and has nothing to send.
    """

    def __init__(self, sql: str, types: Mapping[str, type]) -> None:
        """`types`: int, float or str, for each value. Columns in WHERE name their table."""
        self._types = types
        self._row = text(sql.format(rows="", **{name: f":{name}" for name in types}))
        arrays = ", ".join(f"CAST(:{name} AS {_SQL[type_]}[])" for name, type_ in types.items())
        rows = f"FROM unnest({arrays}) AS r ({', '.join(types)})"
        self._rows = text(sql.format(rows=rows, **{name: f"r.{name}" for name in types}))

    def run(self, conn: Connection, rows: Sequence[Mapping[str, Any]]) -> int:
        """Run it for every row, in their order; how many were written."""
        if not rows:
            return 0
        if conn.dialect.name == "sqlite":
            return conn.execute(self._row, rows).rowcount
        starts = range(0, len(rows), _MOST_ROWS)
        return sum(self._run(conn, rows[start : start + _MOST_ROWS]) for start in starts)

    def _run(self, conn: Connection, rows: Sequence[Mapping[str, Any]]) -> int:
        # The driver takes no array of 0 and 0.5, nor of text and names of an enum.
        arrays = {
            name: [None if row[name] is None else type_(row[name]) for row in rows]
            for name, type_ in self._types.items()
        }
        return conn.execute(self._rows, arrays).rowcount
