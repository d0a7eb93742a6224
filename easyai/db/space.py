"""The size of the database on the disk, and how SQLite gives unused space back.

PostgreSQL gives space back by itself (autovacuum, tuned by the migration).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

from easyai.db.session import Database

_PAGES_AT_ONCE: Final = 500  # 2 MB: writers wait for some milliseconds
_ANALYZED_ROWS: Final = 400  # of each index; SQLite's advice for large tables
_CHECKPOINT_WAIT_MS: Final = 50  # how long writers wait for readers that block a checkpoint

_POSTGRES_SIZE = text("SELECT pg_database_size(current_database())")
_POSTGRES_TABLE = text("SELECT pg_total_relation_size(CAST(:name AS regclass))")
_SQLITE_TABLES = text("""
    SELECT coalesce(master.tbl_name, pages.name), sum(pages.pgsize)
      FROM dbstat AS pages LEFT JOIN sqlite_master AS master ON master.name = pages.name
     WHERE pages.aggregate = TRUE GROUP BY 1
""")


@dataclass(frozen=True, slots=True)
class TableSize:
    """A table with its indexes."""

    name: str
    rows: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Space:
    """The size of the whole database, in bytes."""

    size: int
    free: int  # free space inside the file, for new rows; 0 on PostgreSQL
    log: int  # SQLite's write-ahead log; 0 on PostgreSQL
    shrinks: bool  # whether upkeep can give free space back to the disk


def file_of(db: Database) -> Path | None:
    """The file of an SQLite database; None for a database in memory and for PostgreSQL."""
    name = db.engine.url.database
    return Path(name) if db.is_sqlite and name and name != ":memory:" else None


def space(db: Database) -> Space:
    """The present size of the database."""
    with db.read() as conn:
        if not db.is_sqlite:
            return Space(conn.execute(_POSTGRES_SIZE).scalar_one(), 0, 0, shrinks=True)
        page, pages, free, mode = (
            _pragma(conn, name)
            for name in ("page_size", "page_count", "freelist_count", "auto_vacuum")
        )
    return Space(page * pages, page * free, _log_size(db), shrinks=mode != 0)


def tables(db: Database) -> list[TableSize]:
    """Rows and bytes of every table, largest table first; reads every page of an SQLite file."""
    with db.read() as conn:
        names = inspect(conn).get_table_names()
        if db.is_sqlite:
            sizes = {row[0]: int(row[1]) for row in conn.execute(_SQLITE_TABLES)}
        else:
            sizes = {
                name: conn.execute(_POSTGRES_TABLE, {"name": name}).scalar_one() for name in names
            }
        table_sizes = [
            TableSize(
                name,
                conn.execute(text(f'SELECT count(*) FROM "{name}"')).scalar_one(),  # noqa: S608
                sizes.get(name, 0),
            )
            for name in names
        ]
    return sorted(table_sizes, key=lambda table: -table.size_bytes)


def shrink(db: Database, free_bytes: int) -> int:
    """Give a step of free space back to the disk, keeping `free_bytes`; returns how many bytes.

    Returns 0 when there is no such space, and for a file that cannot shrink (`easyai db compact`
    makes it able to).
    """
    with db.read() as conn:
        page, free = _pragma(conn, "page_size"), _pragma(conn, "freelist_count")
        able = _pragma(conn, "auto_vacuum") != 0
    pages = min(_PAGES_AT_ONCE, free - free_bytes // page)
    if not able or pages <= 0:
        return 0
    with db.outside_transaction() as cursor:
        (before,) = cursor.execute("PRAGMA page_count").fetchone()
        # As a script: each step frees a page, and `execute` runs only the first step.
        cursor.executescript(f"PRAGMA incremental_vacuum({pages})")
        (after,) = cursor.execute("PRAGMA page_count").fetchone()
        return int(before - after) * page


def checkpoint(db: Database, log_bytes: int) -> bool:
    """Write the write-ahead log into the file, and truncate a log of more than `log_bytes`.

    Returns False when readers blocked the checkpoint: the next checkpoint is soon enough.
    """
    kind = "TRUNCATE" if _log_size(db) > log_bytes else "PASSIVE"
    with db.outside_transaction() as cursor:
        (before,) = cursor.execute("PRAGMA busy_timeout").fetchone()
        cursor.execute(f"PRAGMA busy_timeout={_CHECKPOINT_WAIT_MS}")
        try:
            busy, _, _ = cursor.execute(f"PRAGMA wal_checkpoint({kind})").fetchone()
        finally:
            cursor.execute(f"PRAGMA busy_timeout={before}")
    return not busy


def optimize(db: Database) -> None:
    """Let SQLite renew its planner statistics of tables that have changed much."""
    with db.write() as conn:
        conn.exec_driver_sql(f"PRAGMA analysis_limit={_ANALYZED_ROWS}")
        conn.exec_driver_sql("PRAGMA optimize")


def compact(db: Database) -> None:
    """Rewrite the SQLite file without free space, so that it can shrink from then on.

    No other process can write meanwhile. Raises DatabaseUnavailableError, also for a full disk.
    """
    with db.outside_transaction() as cursor:
        cursor.execute("PRAGMA auto_vacuum=INCREMENTAL")
        cursor.execute("VACUUM")
    checkpoint(db, 0)


def _pragma(conn: Connection, name: str) -> int:
    value: int = conn.exec_driver_sql(f"PRAGMA {name}").scalar_one()
    return value


def _log_size(db: Database) -> int:
    path = file_of(db)
    log = path.with_name(f"{path.name}-wal") if path else None
    return log.stat().st_size if log and log.exists() else 0
