"""Connections: one engine per process, short transactions, the same rules on both databases."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import Cursor
from sqlite3 import Error as SqliteError
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    DisconnectionError,
    InterfaceError,
    OperationalError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from easyai.db import clock
from easyai.db.guard import WriteGuard
from easyai.errors import (
    DatabaseDamagedError,
    DatabaseMissingError,
    DatabaseUnavailableError,
    SchemaMissingError,
    SettingsError,
)

log = logging.getLogger(__name__)

BUSY_TIMEOUT_SEC = 5
# Any number, the same in every process: who dispatches on PostgreSQL holds this lock.
DISPATCH_LOCK = 0x6561_7379
_WRITE = "easyai_write"
_ASK_CLOCK_EVERY_SEC = 5.0
_PING_AFTER_SEC = 1.0
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_UNDEFINED = ("42P01", "42703")  # PostgreSQL: no such table, no such column
_READ_ONLY = "25006"  # PostgreSQL: a standby, or a disk that is full


class Database:
    """Opens transactions; safe between threads, made anew after a fork.

    Errors of the connection (gone, locked, full disk) come out as DatabaseUnavailableError, which
    is worth a retry; a violated constraint stays an SQLAlchemy error.
    """

    def __init__(self, url: str, *, must_exist: bool = False) -> None:
        """`must_exist`: an SQLite file that is not there is not made, it does not answer."""
        self.url = normalize_url(url)
        self.is_sqlite = self.url.startswith("sqlite")
        self.guard = WriteGuard(_sqlite_file(self.url), BUSY_TIMEOUT_SEC)
        self.engine = _sqlite_engine(self.url, self.guard) if self.is_sqlite else _engine(self.url)
        if self.is_sqlite and must_exist:
            _require_file(self.engine, _sqlite_file(self.url))
        self._ask_clock_at = 0.0  # on the monotonic clock

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that reads.

        SQLite shows one state to all of it; PostgreSQL shows each statement what is committed when
        that begins, so a later one may know more than the one before. Raises RuntimeError, and
        rolls back, when the block has written: it holds no guard.
        """
        with _translated(), self.engine.connect() as conn, conn.begin():
            before = _changes(conn)
            yield conn
            if _changes(conn) != before:
                raise RuntimeError("a transaction that reads has written: use Database.write")

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that writes; commits at the end, rolls back when the block raises."""
        if not self.is_sqlite:
            with _translated(), self.engine.begin() as conn:
                yield conn
            return
        with self.guard.held(), _translated(), self.engine.connect() as plain:
            conn = plain.execution_options(**{_WRITE: True})
            with conn.begin():
                yield conn

    @contextmanager
    def dispatching(self) -> Iterator[Connection]:
        """A write transaction that alone, over all machines, may hand out leases.

        The database's clock has been read (db/clock.py), at no further cost.
        """
        with self.write() as conn:
            if not self.is_sqlite:
                clock.lock(conn, DISPATCH_LOCK)
            yield conn

    @contextmanager
    def outside_transaction(self) -> Iterator[Cursor]:
        """A plain cursor of SQLite, for statements that no transaction may hold, such as VACUUM.

        As `write`, it shuts out the other writers of the file.
        """
        with self.guard.held(), _translated(), self.engine.connect() as conn:
            connection = conn.connection.driver_connection
            cursor: Cursor = connection.cursor()  # type: ignore[union-attr]
            try:
                yield cursor
            except SqliteError as error:
                raise DatabaseUnavailableError(f"the database does not answer: {error}") from error
            finally:
                cursor.close()

    def estimated_now(self) -> float:
        """Unix seconds by the database's clock, as this process read it last.

        Asks where it was never read. By this machine's own while the database does not answer.
        """
        if clock.known_offset_sec(self.engine) is None and time.monotonic() >= self._ask_clock_at:
            self._ask_clock_at = time.monotonic() + _ASK_CLOCK_EVERY_SEC
            try:
                with self.read() as conn:
                    clock.now(conn)
            except DatabaseUnavailableError as error:
                log.debug("the database's clock is not known: %s", error)
        return clock.estimate(self.engine)

    def dispose(self) -> None:
        """Close every connection."""
        self.engine.dispose()
        self.guard.close()


def normalize_url(url: str) -> str:
    """The URL with the driver this project ships for it.

    Raises SettingsError for databases other than SQLite and PostgreSQL.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # ValueError: a port that is no number
        raise SettingsError(
            "easyai.database_url: not a database URL; "
            "use sqlite:///file.db or postgresql://user:password@host/name, "
            "with @ : / in the password written as %40 %3A %2F"
        ) from None
    family = parsed.drivername.split("+")[0]
    if family in ("postgres", "postgresql"):
        return parsed.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
    if family == "sqlite":
        return url
    raise SettingsError(f"easyai.database_url: {family} is not supported; use SQLite or PostgreSQL")


def _sqlite_file(url: str) -> str | None:
    """The file of an SQLite database; None for one in memory and for PostgreSQL."""
    parsed = make_url(url)
    name = parsed.database
    return name if parsed.drivername.startswith("sqlite") and name != ":memory:" else None


def _sqlite_engine(url: str, guard: WriteGuard) -> Engine:
    def configure(connection: Any, _record: Any) -> None:
        _configure_sqlite(connection, guard)

    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_SEC})
    event.listen(engine, "connect", configure)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _require_file(engine: Engine, file: str | None) -> None:
    """Let no connection make the file: an empty one hides that the right one is elsewhere."""

    def connecting(*_: Any) -> None:
        if file and not _is_there(file):
            raise DatabaseMissingError(
                f"no database at {file}: put it back where it was; `db upgrade` makes a new one"
            ) from FileNotFoundError(file)

    event.listen(engine, "do_connect", connecting)


def _is_there(file: str) -> bool:
    try:
        Path(file).stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        said = f"the database does not answer: {file}: {error.strerror}"
        raise DatabaseUnavailableError(said) from error
    return True


def _engine(url: str) -> Engine:
    # Keepalives notice a server that vanished without a word, within half a minute.
    connect_args = {
        "connect_timeout": 5,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 20_000,
        # force_custom_plan: a plan kept since the tables were empty reads all of them later.
        "options": "-c lock_timeout=15000 -c idle_in_transaction_session_timeout=10000"
        " -c plan_cache_mode=force_custom_plan",
    }
    engine = create_engine(url, pool_timeout=10, connect_args=connect_args)
    event.listen(engine, "connect", _configure_postgresql)
    event.listen(engine, "begin", clock.forget)
    _ping_after_idling(engine)
    return engine


def _configure_postgresql(connection: Any, record: Any) -> None:
    # A picture is deleted right after the commit that says so: a server that answers before its log
    # is written would forget the commit when it is killed. Other levels are the operator's choice.
    connection.execute(
        "SELECT set_config('synchronous_commit', 'on', false)"
        " WHERE current_setting('synchronous_commit') = 'off'"
    )
    connection.commit()
    # No ping now: one that fails with a new connection, too, raises what is no error of the driver.
    record.info["used_at"] = time.monotonic()


def _ping_after_idling(engine: Engine) -> None:
    """Try a connection before use, unless it was in use a moment ago.

    A ping before every transaction costs a twentieth of the throughput.
    """

    def checked_out(connection: Any, record: Any, _proxy: Any) -> None:
        if time.monotonic() - record.info.get("used_at", 0.0) < _PING_AFTER_SEC:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise DisconnectionError from error  # the pool makes a new one

    def checked_in(_connection: Any, record: Any) -> None:
        record.info["used_at"] = time.monotonic()

    event.listen(engine, "checkout", checked_out)
    event.listen(engine, "checkin", checked_in)


def _configure_sqlite(connection: Any, guard: WriteGuard) -> None:
    connection.isolation_level = None  # transactions begin where _begin_sqlite says
    cursor = connection.cursor()
    if cursor.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        with guard.held():
            _make_wal(cursor)
    # A picture is deleted right after the commit that says so: that commit must be on the disk.
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA cache_size=-16000")
    cursor.close()


def _make_wal(cursor: Cursor) -> None:
    if cursor.execute("PRAGMA page_count").fetchone() == (0,):
        # Only an empty file takes it, and only before WAL: it can give space back later.
        cursor.execute("PRAGMA auto_vacuum=INCREMENTAL")
    cursor.execute("PRAGMA journal_mode=WAL")


def _begin_sqlite(conn: Connection) -> None:
    writes = conn.get_execution_options().get(_WRITE)
    # IMMEDIATE: a reader that turns writer later may fail half-way, a writer from the start waits.
    conn.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _changes(conn: Connection) -> int:
    """How many rows a connection of SQLite has written; 0 on PostgreSQL, which has no guard."""
    return getattr(conn.connection.driver_connection, "total_changes", 0)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        if _lacks_table(error):
            raise SchemaMissingError from error
        if _is_damaged(error):
            raise DatabaseDamagedError(
                f"the database file is damaged ({error.orig}); nothing is deleted and frames wait: "
                "docs/recovery.md tells how to save what is in it"
            ) from error
        if not _is_unavailable(error):
            raise
        # The statement and its parameters may hold secrets; the driver's own words do not.
        raise DatabaseUnavailableError(f"the database does not answer: {error.orig}") from error
    except PoolTimeoutError as error:
        raise DatabaseUnavailableError(f"no free database connection: {error}") from error


def _is_damaged(error: DBAPIError) -> bool:
    code = getattr(error.orig, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _DAMAGED


def _is_unavailable(error: DBAPIError) -> bool:
    if error.connection_invalidated or isinstance(error, InterfaceError):
        return True
    return isinstance(error, OperationalError) or _sqlstate(error) == _READ_ONLY


def _lacks_table(error: DBAPIError) -> bool:
    said = str(error.orig)
    sqlite = said.startswith(("no such table", "no such column"))
    return sqlite or _sqlstate(error) in _UNDEFINED


def _sqlstate(error: DBAPIError) -> str | None:
    return getattr(error.orig, "sqlstate", None)
