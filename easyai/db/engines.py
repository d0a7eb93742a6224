"""Connections to an SQLite file and their settings; URLs of databases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import Cursor
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from easyai.db.direct import driver_rows
from easyai.db.guard import WriteGuard
from easyai.domain.reason import Reason
from easyai.errors import DatabaseMissingError, DatabaseUnavailableError
from easyai.settings.addresses import parse_database

BUSY_TIMEOUT_SEC: Final = 5
#: The code of the error for a missing file.
MISSING: Final = "database.missing"
#: The execution option of a connection whose transaction writes.
WRITES: Final = "easyai_write"
_SYNCED: Final = "PRAGMA synchronous=FULL"
_RELAXED: Final = "PRAGMA synchronous=NORMAL"


def normalize_url(url: str) -> str:
    """The URL with the driver that this project ships.

    Raises SettingsError for databases other than SQLite and PostgreSQL.
    """
    parsed = parse_database(url)
    if parsed.drivername.startswith("sqlite"):
        return url
    return parsed.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


def sqlite_file(url: str) -> str | None:
    """The file of an SQLite database; None for a database in memory and for PostgreSQL."""
    parsed = make_url(url)
    name = parsed.database
    return name if parsed.drivername.startswith("sqlite") and name != ":memory:" else None


def sqlite_engine(url: str, guard: WriteGuard) -> Engine:
    """The engine of an SQLite file; its writers take the guard."""

    def configure(connection: Any, _record: Any) -> None:
        _configure_sqlite(connection, guard)

    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_SEC})
    event.listen(engine, "connect", configure)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def require_file(engine: Engine, file: str | None) -> None:
    """Keep connections from creating the file: an empty file would hide a wrong path."""

    def connecting(*_: Any) -> None:
        if file and not _is_there(file):
            missing = Reason.of(MISSING, path=file)
            raise DatabaseMissingError(missing) from FileNotFoundError(file)

    event.listen(engine, "do_connect", connecting)


def _is_there(file: str) -> bool:
    try:
        Path(file).stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        unseen = Reason.of("database.file_unseen", path=file, error=error.strerror)
        raise DatabaseUnavailableError(unseen) from error
    return True


def _configure_sqlite(connection: Any, guard: WriteGuard) -> None:
    connection.isolation_level = None  # transactions begin where _begin_sqlite says
    cursor = connection.cursor()
    if cursor.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        with guard.held():
            _make_wal(cursor)
    # A picture is deleted right after the commit that records it: the commit must be on the disk.
    cursor.execute(_SYNCED)
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA cache_size=-16000")
    cursor.close()


def _make_wal(cursor: Cursor) -> None:
    if cursor.execute("PRAGMA page_count").fetchone() == (0,):
        # Lets the file shrink later. Possible only for an empty file, and only before WAL.
        cursor.execute("PRAGMA auto_vacuum=INCREMENTAL")
    cursor.execute("PRAGMA journal_mode=WAL")


@contextmanager
def without_sync(conn: Connection) -> Iterator[None]:
    """Let commits of a connection to SQLite wait for no disk during the block.

    In WAL mode they are still atomic and in order, and the next commit with a wait includes them.
    """
    driver_rows(conn, _RELAXED)
    try:
        yield
    finally:
        try:
            driver_rows(conn, _SYNCED)
        except DBAPIError:
            conn.invalidate()  # no later transaction may go without the disk
            raise


def _begin_sqlite(conn: Connection) -> None:
    writes = conn.get_execution_options().get(WRITES)
    # IMMEDIATE: a reader that becomes a writer may fail half-way, a writer from the start waits.
    driver_rows(conn, "BEGIN IMMEDIATE" if writes else "BEGIN")
