"""The SQL of a backup: reads every row of our tables, and loads the rows into a database.

The format is the same for SQLite and PostgreSQL (docs/decisions/0026-backup.md): for each table a
header, then its rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Table, inspect, select, text

from easyai.db.models import Base
from easyai.domain.reason import Reason
from easyai.errors import BackupError

_AT_ONCE: Final = 1000
_TABLE_OF_REVISIONS: Final = "alembic_version"
# Triggers fill the counts when the alerts are loaded. People log in again after a restoration.
_LEFT_OUT: Final = ("alert_counts", "sessions")

Row = Sequence[Any]


class Rows(NamedTuple):
    """A table of a dump."""

    table: str
    columns: tuple[str, ...]
    rows: Iterator[Row]


def dump(conn: Connection) -> Iterator[Rows]:
    """Every table with data of its own; a table comes before tables that refer to it.

    Read in order.
    """
    for table in Base.metadata.sorted_tables:
        if table.name in _LEFT_OUT:
            continue
        names = tuple(column.name for column in table.columns)
        yield Rows(table.name, names, _rows(conn, table))


def _rows(conn: Connection, table: Table) -> Iterator[Row]:
    streaming = conn.execution_options(yield_per=_AT_ONCE)
    ordered = select(*table.columns).order_by(*table.primary_key.columns)
    with streaming.execute(ordered) as result:
        yield from (tuple(row) for row in result)


def is_empty(conn: Connection) -> bool:
    """Whether a database has no frame, alert or service."""
    existing = set(inspect(conn).get_table_names())
    return not any(
        conn.execute(text(f"SELECT 1 FROM {table} LIMIT 1")).first()  # noqa: S608
        for table in ("frames", "alerts", "services")
        if table in existing
    )


def drop(conn: Connection) -> None:
    """Drop our tables, and no other tables."""
    existing = set(inspect(conn).get_table_names())
    ours = [table.name for table in reversed(Base.metadata.sorted_tables)]
    for name in (*ours, _TABLE_OF_REVISIONS):
        if name in existing:
            conn.execute(text(f"DROP TABLE {name}"))


def clear(conn: Connection) -> None:
    """Delete the rows that the migrations have written: a dump has its own."""
    existing = set(inspect(conn).get_table_names())
    for table in reversed(Base.metadata.sorted_tables):
        if table.name in existing:
            conn.execute(text(f"DELETE FROM {table.name}"))  # noqa: S608


def load(conn: Connection, table: str, columns: Sequence[str], rows: Iterable[Row]) -> int:
    """Insert rows into a table; returns how many. Raises BackupError for an unknown name."""
    inspector = inspect(conn)
    if table not in inspector.get_table_names():
        raise BackupError(Reason.of("restore.unknown_table", table=repr(table)))
    known = {column["name"] for column in inspector.get_columns(table)}
    if not columns or not known.issuperset(columns):
        raise BackupError(Reason.of("restore.unknown_columns", table=table))
    if conn.dialect.name == "sqlite":
        return _insert(conn, table, columns, rows)
    return _copy(conn, table, columns, rows)


def _insert(conn: Connection, table: str, columns: Sequence[str], rows: Iterable[Row]) -> int:
    places = ", ".join("?" for _ in columns)
    statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})"  # noqa: S608
    count, left = 0, iter(rows)
    while some := [tuple(row) for row in islice(left, _AT_ONCE)]:
        conn.exec_driver_sql(statement, some)
        count += len(some)
    return count


def _copy(conn: Connection, table: str, columns: Sequence[str], rows: Iterable[Row]) -> int:
    connection: Any = conn.connection.driver_connection
    count, left = 0, iter(rows)
    first = next(left, None)
    if first is None:
        return 0
    statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN"
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in chain([first], left):
            copy.write_row(row)
            count += 1
    return count


def last_alert_id(conn: Connection) -> int:
    """The highest id ever assigned to an alert, deleted or not."""
    if conn.dialect.name == "sqlite":
        given = text("SELECT seq FROM sqlite_sequence WHERE name = 'alerts'")
        return conn.execute(given).scalar() or 0
    name = conn.execute(text("SELECT pg_get_serial_sequence('alerts', 'id')")).scalar_one()
    last, called = conn.execute(text(f"SELECT last_value, is_called FROM {name}")).one()  # noqa: S608
    return int(last) if called else 0


def number_from(conn: Connection, next_alert_id: int) -> None:
    """Number new alerts from `next_alert_id`, and rows of other tables above their highest id."""
    if conn.dialect.name == "sqlite":  # numbers other tables above their highest id by itself
        conn.execute(text("DELETE FROM sqlite_sequence WHERE name = 'alerts'"))
        conn.execute(
            text("INSERT INTO sqlite_sequence (name, seq) VALUES ('alerts', :last)"),
            {"last": next_alert_id - 1},
        )
        return
    for table in Base.metadata.sorted_tables:
        (key, *others) = [column.name for column in table.primary_key.columns]
        sequence = text("SELECT pg_get_serial_sequence(:table, :key)")
        name = conn.execute(sequence, {"table": table.name, "key": key}).scalar()
        if name is None or others:
            continue
        highest = conn.execute(text(f"SELECT max({key}) FROM {table.name}")).scalar()  # noqa: S608
        start = next_alert_id if table.name == "alerts" else (highest or 0) + 1
        conn.execute(
            text("SELECT setval(CAST(:name AS regclass), :start, false)"),
            {"name": name, "start": start},
        )
