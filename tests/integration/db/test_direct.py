"""Statements that go straight to SQLite's driver behave as SQLAlchemy's statements do."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import IntegrityError

from easyai.db import direct, waiting
from easyai.errors import SchemaMissingError
from tests.support.site import Installation

_NAMED = text("SELECT name FROM task_types WHERE name >= :first ORDER BY name")
_ADD_NAMED = text("INSERT INTO task_types (name, first_seen) VALUES (:name, 0)")
_ADD = "INSERT INTO task_types (name, first_seen) VALUES (?, ?)"


def test_rows_and_first_value_are_read_on_both_databases(site: Installation) -> None:
    for name in ("a", "b"):
        site.execute("INSERT INTO task_types (name, first_seen) VALUES (:n, 0)", n=name)
    with site.runtime.db.read() as conn:
        assert [tuple(row) for row in direct.rows(conn, _NAMED, {"first": ""})] == [("a",), ("b",)]
        assert direct.value(conn, _NAMED, {"first": "b"}) == "b"
        assert direct.value(conn, _NAMED, {"first": "c"}) is None


def test_statement_without_rows_runs_on_both_databases(site: Installation) -> None:
    with site.runtime.db.write() as conn:
        direct.run(conn, _ADD_NAMED, {"name": "a"})
    assert site.rows("SELECT name FROM task_types") == [{"name": "a"}]


@pytest.mark.sqlite_only
def test_errors_of_the_driver_are_those_of_sqlalchemy(site: Installation) -> None:
    with pytest.raises(IntegrityError), site.runtime.db.write() as conn:
        direct.driver_many(conn, _ADD, [("a", 0.0), ("b", 0.0), ("a", 0.0)])
    assert site.rows("SELECT name FROM task_types") == [], "rolled back"
    with pytest.raises(SchemaMissingError), site.runtime.db.read() as conn:
        direct.driver_rows(conn, "SELECT 1 FROM none")


@pytest.mark.sqlite_only
def test_listeners_hear_the_statements(site: Installation) -> None:
    heard: list[tuple[str, Any]] = []

    def note(_conn: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        heard.append((statement, values))

    event.listen(site.runtime.db.engine, "before_cursor_execute", note)
    with site.runtime.db.write() as conn:
        direct.driver_many(conn, _ADD, [("a", 0.0)])
    assert heard == [("BEGIN IMMEDIATE", ()), (_ADD, [("a", 0.0)])]


@pytest.mark.sqlite_only
def test_no_numbered_value_is_sent_to_the_driver_for_frames_of_many_types(
    site: Installation,
) -> None:
    """Python 3.12.0 to 3.12.3 warn of a sequence of values for "?1"."""
    wanted = {"a": 1, "b": 2, "c": 9}
    for name in ("a", "b"):
        site.record(3, name)
    heard: list[str] = []
    event.listen(
        site.runtime.db.engine, "before_cursor_execute", lambda *given: heard.append(given[2])
    )
    with site.runtime.db.read() as conn:
        due = waiting.due(conn, wanted, 9e9)
    assert {name: len(frames) for name, frames in due.items()} == {"a": 1, "b": 2, "c": 0}
    assert [sql for sql in heard if re.search(r"\?\d", sql)] == []
