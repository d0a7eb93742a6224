"""A statement for many rows: SQLite runs it row by row, PostgreSQL at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from string import Formatter
from typing import Any, Final

import orjson
from sqlalchemy import Connection, text

_SQL: Final = {int: "bigint", float: "double precision", str: "text"}
# PostgreSQL accepts 1 GB in a statement, and a result may have some megabytes.
_MOST_ROWS: Final = 100


class ManyRows:
    """A statement for both databases: ``{name}`` is a value of the row, ``{rows}`` its FROM.

    PostgreSQL plans a statement anew for each execution (reason in db/postgres.py), so row by row
    the planning costs as much as the work. SQLite plans the statement once and needs no network.
    There the rows go straight to the driver, because SQLAlchemy would spend more time on each row
    than SQLite does. PostgreSQL gets the rows as one JSON text: the driver needs four times as long
    for an array of each column.
    """

    def __init__(self, sql: str, types: Mapping[str, type]) -> None:
        """`types`: int, float or str for each value. Columns in WHERE need their table's name."""
        self.sql, self.types = sql, types
        names = (name for _, name, _, _ in Formatter().parse(sql) if name)
        self._order = [name for name in names if name != "rows"]
        self._row = sql.format(rows="", **dict.fromkeys(types, "?"))
        columns = ", ".join(f"{name} {_SQL[type_]}" for name, type_ in types.items())
        rows = f"json_to_recordset(CAST(:rows AS json)) AS sent ({columns})"
        # The limit tells the planner how many rows there are: it would assume a hundred.
        rows = f"FROM (SELECT * FROM {rows} LIMIT :count) AS r"  # noqa: S608
        self._rows = text(sql.format(rows=rows, **{name: f"r.{name}" for name in types}))

    def run(self, conn: Connection, rows: Sequence[Mapping[str, Any]]) -> int:
        """Run the statement for every row, in order; returns how many rows were written."""
        if not rows:
            return 0
        if conn.dialect.name == "sqlite":
            values = [tuple([row[name] for name in self._order]) for row in rows]
            return conn.exec_driver_sql(self._row, values).rowcount
        starts = range(0, len(rows), _MOST_ROWS)
        return sum(self._run(conn, rows[start : start + _MOST_ROWS]) for start in starts)

    def _run(self, conn: Connection, rows: Sequence[Mapping[str, Any]]) -> int:
        values = {"rows": orjson.dumps(rows).decode(), "count": len(rows)}
        return conn.execute(self._rows, values).rowcount
