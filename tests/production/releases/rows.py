"""The rows of a database: all of them, to be compared, and some in tables that have none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, MetaData, Table, create_engine, func, insert, select
from sqlalchemy.types import Float, Integer

Rows = dict[str, list[dict[str, Any]]]


@contextmanager
def tables(url: str) -> Iterator[tuple[Connection, list[Table]]]:
    """A transaction and the tables that are there, whatever version made them."""
    engine = create_engine(url)
    metadata = MetaData()
    try:
        with engine.begin() as conn:
            metadata.reflect(conn)
            found = [table for table in metadata.sorted_tables if table.name != "alembic_version"]
            yield conn, found
    finally:
        engine.dispose()


def columns(url: str) -> dict[str, list[str]]:
    """The names of all columns by table."""
    with tables(url) as (_, found):
        return {table.name: [column.name for column in table.columns] for table in found}


def rows(url: str, wanted: dict[str, list[str]]) -> Rows:
    """All rows of some columns, in order of the primary key."""
    with tables(url) as (conn, found):
        read = {}
        for table in found:
            if names := wanted.get(table.name):
                query = select(*(table.c[name] for name in names)).order_by(*table.primary_key)
                read[table.name] = [dict(row._mapping) for row in conn.execute(query)]
        return read


def fill_empty(url: str) -> list[str]:
    """Put a row with a value in every column into each table without rows; their names."""
    filled = []
    with tables(url) as (conn, found):
        for table in found:
            if not conn.execute(select(func.count()).select_from(table)).scalar():
                conn.execute(
                    insert(table).values({column.name: _value(column) for column in table.columns})
                )
                filled.append(table.name)
    return filled


def empty(url: str, names: list[str]) -> None:
    """Take the rows of some tables out again."""
    with tables(url) as (conn, found):
        for table in reversed(found):
            if table.name in names:
                conn.execute(table.delete())


def _value(column: Any) -> object:
    if isinstance(column.type, Integer):
        return 1
    return 1.5 if isinstance(column.type, Float) else f"of {column.name}"
