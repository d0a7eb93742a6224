"""A statement for many rows does the same on both databases."""

from __future__ import annotations

import math
import re
from enum import StrEnum
from typing import Any

import pytest
from sqlalchemy import Connection, event, text

from easyai.db.many import ManyRows
from tests.support.site import Installation


class Colour(StrEnum):
    RED = "red"


ADD = ManyRows(
    """
    INSERT INTO things (id, name, share, size)
    SELECT {id}, {name}, {share}, {size} {rows} WHERE true
    ON CONFLICT (id) DO NOTHING
    """,
    {"id": int, "name": str, "share": float, "size": int},
)
RENAME = ManyRows(
    "UPDATE things SET name = {name} {rows} WHERE things.id = {id} AND things.size = {size}",
    {"id": int, "name": str, "size": int},
)
SHARES = [0, 0.5, None, 1763107200.1234567, 1e-7, 1.7976931348623157e308]
ODD = ["plain", Colour.RED, "NULL", "", '{"a": ["x\\,y"]}', "门口 ' \n \\", None]
ROWS = [
    {"id": number, "name": name, "share": SHARES[number % len(SHARES)], "size": 2**40}
    for number, name in enumerate(ODD)
]


@pytest.fixture
def conn(site: Installation) -> Any:
    with site.runtime.db.write() as conn:
        conn.execute(
            text("CREATE TABLE things (id BIGINT PRIMARY KEY, name TEXT, share FLOAT, size BIGINT)")
        )
        yield conn
        conn.execute(text("DROP TABLE things"))


def _all(conn: Connection) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in conn.execute(text("SELECT * FROM things ORDER BY id"))]


def test_many_rows_stores_special_values_unchanged(conn: Connection) -> None:
    assert ADD.run(conn, ROWS) == len(ROWS)
    assert _all(conn) == [tuple(row.values()) for row in ROWS]


def test_many_rows_leaves_unmatched_rows_and_does_not_count_them(conn: Connection) -> None:
    ADD.run(conn, ROWS)
    before = _all(conn)
    changes = [{"id": 0, "name": "new", "size": 2**40}, {"id": 1, "name": "new", "size": 7}]
    assert RENAME.run(conn, changes) == 1
    assert _all(conn) == [(0, "new", *before[0][2:]), *before[1:]]


def test_many_rows_adds_an_existing_or_repeated_row_once(conn: Connection) -> None:
    ADD.run(conn, ROWS[:2])
    assert ADD.run(conn, [*ROWS[:3], ROWS[2]]) == 1
    assert len(_all(conn)) == 3


def test_many_rows_accepts_an_empty_list(conn: Connection) -> None:
    assert ADD.run(conn, []) == 0
    assert _all(conn) == []


def test_many_rows_writes_more_rows_than_a_statement_takes(conn: Connection) -> None:
    rows = [{"id": number, "name": "x", "share": 0.5, "size": number} for number in range(250)]
    assert ADD.run(conn, rows) == 250
    assert RENAME.run(conn, rows) == 250
    assert [row[0] for row in _all(conn)] == list(range(250))


def test_many_rows_converts_numbers_to_the_type_of_their_column(conn: Connection) -> None:
    rows = [
        {"id": 1.0, "name": "x", "share": True, "size": 2.0**40},
        {"id": True + 1, "name": "x", "share": 3, "size": False},
    ]
    assert ADD.run(conn, [*rows, {"id": 3, "name": "x", "share": 0.5, "size": None}]) == 3
    expected = [(1, "x", 1.0, 2**40), (2, "x", 3.0, 0), (3, "x", 0.5, None)]
    assert _all(conn) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("share", math.nan),
        ("share", math.inf),
        ("share", -math.inf),
        ("share", "0.5"),
        ("size", 1.5),
        ("size", math.inf),
        ("size", "1"),
        ("name", 1),
        ("name", b"x"),
    ],
)
def test_many_rows_names_the_value_that_its_column_cannot_hold(
    conn: Connection, name: str, value: Any
) -> None:
    row = {"id": 1, "name": "x", "share": 0.5, "size": 1}
    with pytest.raises(ValueError, match=f"^{name} "):
        ADD.run(conn, [row, {**row, "id": 2, name: value}])
    assert _all(conn) == []
    assert ADD.run(conn, [row]) == 1


@pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True)
def test_postgresql_plans_for_the_number_of_rows(conn: Connection) -> None:
    statements: list[tuple[str, Any]] = []

    def note(_conn: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        statements.append((statement, parameters))

    event.listen(conn, "before_cursor_execute", note)
    RENAME.run(conn, [{"id": number, "name": "x", "size": 1} for number in range(3)])
    event.remove(conn, "before_cursor_execute", note)
    [(statement, parameters)] = statements
    plan = "\n".join(conn.exec_driver_sql(f"EXPLAIN {statement}", parameters).scalars())
    assert re.search(r"Limit .* rows=3 ", plan), plan
