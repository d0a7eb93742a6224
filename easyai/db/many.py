"""A statement for many rows: SQLite runs it row by row, PostgreSQL at once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from operator import itemgetter
from string import Formatter
from types import NoneType
from typing import Any, Final

import orjson
from sqlalchemy import Connection, text

from easyai.db.direct import driver_many

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
        self._values = itemgetter(*types)
        names = [name for _, name, _, _ in Formatter().parse(sql) if name and name != "rows"]
        # Not "?1": Python 3.12.0 to 3.12.3 warn of such a value in each row.
        self._row = sql.format(rows="", **dict.fromkeys(types, "?"))
        self._in_order = None if names == list(types) else itemgetter(*names)
        columns = ", ".join(f"{name} {_SQL[type_]}" for name, type_ in types.items())
        rows = f"json_to_recordset(CAST(:rows AS json)) AS sent ({columns})"
        # The limit tells the planner how many rows there are: it would assume a hundred.
        rows = f"FROM (SELECT * FROM {rows} LIMIT :count) AS r"  # noqa: S608
        self._rows = text(sql.format(rows=rows, **{name: f"r.{name}" for name in types}))

    def run(self, conn: Connection, rows: Sequence[Mapping[str, Any]]) -> int:
        """Run the statement for every row, in order; returns how many rows were written.

        Raises ValueError for a value that is not of its type, such as 1.5 for an int, and for a
        float that is not finite.
        """
        if not rows:
            return 0
        values = list(map(self._values, rows))
        if not self._need_no_conversion(values):
            # Each value as its type, so that both databases store the same.
            rows = [
                {name: _converted(name, row[name], type_) for name, type_ in self.types.items()}
                for row in rows
            ]
            values = list(map(self._values, rows))
        if conn.dialect.name == "sqlite":
            if self._in_order is not None:
                values = list(map(self._in_order, rows))
            return driver_many(conn, self._row, values)
        starts = range(0, len(rows), _MOST_ROWS)
        return sum(self._run(conn, rows[start : start + _MOST_ROWS]) for start in starts)

    def _need_no_conversion(self, rows: Sequence[Sequence[Any]]) -> bool:
        """Whether each value has its type already, as nearly always: a check of whole columns."""
        for type_, column in zip(self.types.values(), zip(*rows, strict=True), strict=True):
            kinds = set(map(type, column))
            if not kinds <= {type_, NoneType}:
                return False
            if float in kinds:
                present = column if len(kinds) == 1 else [v for v in column if v is not None]
                if not all(map(math.isfinite, present)):
                    return False
        return True

    def _run(self, conn: Connection, rows: Sequence[Mapping[str, Any]]) -> int:
        values = {"rows": orjson.dumps(rows).decode(), "count": len(rows)}
        return conn.execute(self._rows, values).rowcount


def _converted(name: str, value: Any, type_: type) -> Any:
    """The value as an int, a float or a str; None stays None."""
    if value is None or (type_ is str and isinstance(value, str)):
        return value
    if type_ is float and isinstance(value, int | float):
        if not math.isfinite(value):
            raise ValueError(f"{name} is not finite: {value}")
        return float(value)
    if type_ is int and (isinstance(value, int) or _is_whole(value)):
        return int(value)
    raise ValueError(f"{name} must be {type_.__name__}: {value!r:.100}")


def _is_whole(value: object) -> bool:
    return isinstance(value, float) and value.is_integer()
