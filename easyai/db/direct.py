"""Statements that a busy transaction sends straight to SQLite's driver.

SQLAlchemy spends three to ten times as long on a small statement as SQLite: compiling, contexts,
results. PostgreSQL gets the same statements through SQLAlchemy, because there the network counts.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, TextClause
from sqlalchemy.exc import DBAPIError

_NONE: Final[Mapping[str, Any]] = {}


def rows(
    conn: Connection, statement: TextClause, values: Mapping[str, Any] = _NONE
) -> Sequence[Sequence[Any]]:
    """All rows of a statement without lists among its values; raises SQLAlchemy's errors."""
    if conn.dialect.name != "sqlite":
        return conn.execute(statement, values).all()
    return driver_rows(conn, statement.text, values)


def value(conn: Connection, statement: TextClause, values: Mapping[str, Any] = _NONE) -> Any:
    """The first value of the first row; None without a row."""
    found = rows(conn, statement, values)
    return found[0][0] if found else None


def run(conn: Connection, statement: TextClause, values: Mapping[str, Any]) -> None:
    """Run a statement that returns no rows, without lists among its values."""
    if conn.dialect.name != "sqlite":
        conn.execute(statement, values)
    else:
        driver_rows(conn, statement.text, values)


def driver_rows(
    conn: Connection, sql: str, values: Mapping[str, Any] | Sequence[Any] = ()
) -> Sequence[Sequence[Any]]:
    """All rows of a statement in SQLite's own words; raises SQLAlchemy's errors."""
    _announce(conn, sql, values, many=False)
    try:
        return _driver(conn).execute(sql, values).fetchall()
    except sqlite3.Error as error:
        raise _translated(conn, sql, error) from error


def driver_many(conn: Connection, sql: str, values: Sequence[Sequence[Any]]) -> int:
    """Run a statement in SQLite's own words for each row of values; returns the rows written."""
    _announce(conn, sql, values, many=True)
    try:
        return _driver(conn).executemany(sql, values).rowcount
    except sqlite3.Error as error:
        raise _translated(conn, sql, error) from error


def _driver(conn: Connection) -> sqlite3.Connection:
    driver: sqlite3.Connection = conn.connection.dbapi_connection  # type: ignore[assignment]
    return driver


def _announce(conn: Connection, sql: str, values: Any, *, many: bool) -> None:
    """Call who listens to SQLAlchemy's statements: a statement must not escape them here."""
    for listener in conn.dispatch.before_cursor_execute:
        listener(conn, None, sql, values, None, many)


def _translated(conn: Connection, sql: str, error: sqlite3.Error) -> BaseException:
    return DBAPIError.instance(sql, None, error, sqlite3.Error, dialect=conn.dialect)
