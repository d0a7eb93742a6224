"""Connections: an engine per process, short transactions, the same rules on both databases."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from sqlite3 import Cursor
from sqlite3 import Error as SqliteError

from sqlalchemy import Connection, event
from sqlalchemy.exc import (
    DBAPIError,
    InterfaceError,
    OperationalError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import ConnectionPoolEntry

from easyai.db import clock, engines
from easyai.db.guard import WriteGuard
from easyai.db.interruption import Interruption
from easyai.db.postgres import READ_ONLY, postgresql_engine
from easyai.domain.reason import Reason, quote
from easyai.errors import (
    DatabaseDamagedError,
    DatabaseUnavailableError,
    SchemaMissingError,
)

log = logging.getLogger(__name__)

# An arbitrary number, the same in every process: a dispatching transaction on PostgreSQL holds this
# lock.
DISPATCH_LOCK = 0x6561_7379
_WAITED = "easyai_waited_to_dispatch"  # key in a connection's info
_ASK_CLOCK_EVERY_SEC = 5.0
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
# PostgreSQL, of a prepared ``SELECT *`` after a newer release has added a column, once on each
# connection: after the rollback psycopg prepares the statement anew.
_UNSUPPORTED, _STALE_PLAN = "0A000", "cached plan must not change result type"
_FORBIDDEN = ("42501", "3F000")  # PostgreSQL: insufficient privilege, no usable schema
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_DISK_FULL = "53100"  # PostgreSQL
#: The codes of errors that the causes of a standstill look for.
LOCKED = "database.locked"
DISK_FULL = "database.disk_full"
_UNDEFINED = ("42P01", "42703")  # PostgreSQL: no such table, no such column


class Database:
    """Opens transactions; safe between threads; a process makes a new instance after a fork.

    Errors of the connection (gone, locked, full disk) become DatabaseUnavailableError, which is
    worth a retry; a violated constraint stays an SQLAlchemy error.
    """

    def __init__(self, url: str, *, must_exist: bool = False) -> None:
        """`must_exist`: connecting raises DatabaseMissingError if the SQLite file is missing."""
        self.url = engines.normalize_url(url)
        self.is_sqlite = self.url.startswith("sqlite")
        self.guard = WriteGuard(engines.sqlite_file(self.url), engines.BUSY_TIMEOUT_SEC)
        self.engine = (
            engines.sqlite_engine(self.url, self.guard)
            if self.is_sqlite
            else postgresql_engine(self.url)
        )
        if self.is_sqlite and must_exist:
            engines.require_file(self.engine, engines.sqlite_file(self.url))
        self._ask_clock_at = 0.0  # on the monotonic clock
        self._of_thread = threading.local()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that reads.

        SQLite shows the same state to all statements. PostgreSQL shows each statement what is
        committed when the statement begins, so a later statement may see newer rows. Raises
        RuntimeError, and rolls back, when the block has written, because it holds no guard.
        """
        with _translated(), self.engine.connect() as conn, conn.begin():
            before = _changes(conn)
            with self._covered(conn):
                yield conn
            if _changes(conn) != before:
                raise RuntimeError("a transaction that reads has written: use Database.write")

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A transaction that reads; all its statements see the same state of the database."""
        engine = self.engine
        if not self.is_sqlite:
            engine = engine.execution_options(isolation_level="REPEATABLE READ")
        with _translated(), engine.connect() as conn, conn.begin(), self._covered(conn):
            yield conn

    @contextmanager
    def interruptible(self, interruption: Interruption) -> Iterator[None]:
        """Let an interruption end what this thread reads in the block."""
        self._of_thread.interruption = interruption
        try:
            yield
        finally:
            del self._of_thread.interruption

    def _covered(self, conn: Connection) -> AbstractContextManager[None]:
        interruption: Interruption | None = getattr(self._of_thread, "interruption", None)
        return nullcontext() if interruption is None else interruption.covers(conn)

    @contextmanager
    def write(self, *, lasting: bool = True, first: bool = False) -> Iterator[Connection]:
        """A transaction that writes; commits at the end, rolls back when the block raises.

        SQLite does not wait for the disk if the transaction need not be `lasting`: a power cut may
        undo it, together with such transactions after it. Use this for what a power cut makes
        wrong anyway: signs of life, and leases of processes. `first`: before the other threads of
        this process that wait to write. PostgreSQL makes no difference.
        """
        if not self.is_sqlite:
            with _translated(), self.engine.begin() as conn:
                yield conn
            return
        with self.guard.held(first=first), _translated(), self.engine.connect() as plain:
            conn = plain.execution_options(**{engines.WRITES: True})
            with nullcontext() if lasting else engines.without_sync(conn), conn.begin():
                yield conn

    @contextmanager
    def dispatching(self) -> Iterator[Connection]:
        """The only write transaction, over all machines, that may lease frames.

        It has read the database's clock (db/clock.py), at no further cost.
        """
        with self.write() as conn:
            if not self.is_sqlite:
                conn.info[_WAITED] = clock.lock(conn, DISPATCH_LOCK)
            yield conn

    @contextmanager
    def outside_transaction(self) -> Iterator[Cursor]:
        """A plain SQLite cursor for statements that must run outside a transaction, like VACUUM.

        Like `write`, it excludes the other writers of the file.
        """
        with self.guard.held(), _translated(), self.engine.connect() as conn:
            connection = conn.connection.driver_connection
            cursor: Cursor = connection.cursor()  # type: ignore[union-attr]
            try:
                yield cursor
            except SqliteError as error:
                raise DatabaseUnavailableError(_no_answer(error)) from error
            finally:
                cursor.close()

    def estimated_now(self) -> float:
        """Unix seconds by the database's clock, estimated from the last reading of this process.

        Reads the clock if it was never read. Returns this machine's time while the database does
        not answer.
        """
        if self.is_sqlite:
            return time.time()  # the database's clock is this machine's
        if clock.known_offset_sec(self.engine) is None and time.monotonic() >= self._ask_clock_at:
            self._ask_clock_at = time.monotonic() + _ASK_CLOCK_EVERY_SEC
            try:
                with self.read() as conn:
                    clock.now(conn)
            except DatabaseUnavailableError as error:
                log.debug("the database's clock is not known: %s", error)
        return clock.estimate(self.engine)

    def dispose(self) -> None:
        """Close every connection, also those that a thread still uses, when it gives them back."""
        event.listen(self.engine.pool, "checkin", _close)
        self.engine.dispose()
        self.guard.close()


def _close(_driver: object, entry: ConnectionPoolEntry) -> None:
    entry.invalidate()


def has_waited(dispatching: Connection) -> bool:
    """Whether a dispatching transaction had to wait for another; always False on SQLite."""
    return bool(dispatching.info.get(_WAITED, False))


def _changes(conn: Connection) -> int:
    """Count the rows that an SQLite connection has written; 0 on PostgreSQL, which has no guard."""
    return getattr(conn.connection.driver_connection, "total_changes", 0)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        if _lacks_table(error):
            raise SchemaMissingError from error
        if _is_damaged(error):
            damaged = Reason.of("database.damaged", error=quote(str(error.orig)))
            raise DatabaseDamagedError(damaged) from error
        if _sqlstate(error) in _FORBIDDEN:
            refused = Reason.of("database.user_refused", error=quote(str(error.orig)))
            raise DatabaseUnavailableError(refused) from error
        if not _is_unavailable(error):
            raise
        # The statement and its parameters may contain secrets; the driver's message does not.
        raise DatabaseUnavailableError(_no_answer(error.orig)) from error
    except PoolTimeoutError as error:
        busy = Reason.of("database.no_free_connection", error=quote(str(error)))
        raise DatabaseUnavailableError(busy) from error


def _no_answer(error: BaseException | None) -> Reason:
    """Why a statement failed, with the message of the driver."""
    words, kind = quote(str(error)), _sqlite_code(error)
    if kind in _BUSY:
        return Reason.of(LOCKED, error=words)
    if kind == sqlite3.SQLITE_FULL or getattr(error, "sqlstate", None) == _DISK_FULL:
        return Reason.of(DISK_FULL, error=words)
    return Reason.of("database.no_answer", error=words)


def _is_damaged(error: DBAPIError) -> bool:
    return _sqlite_code(error.orig) in _DAMAGED


def _sqlite_code(error: BaseException | None) -> int | None:
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def _is_unavailable(error: DBAPIError) -> bool:
    if error.connection_invalidated or isinstance(error, InterfaceError):
        return True
    if _sqlstate(error) == _UNSUPPORTED and _STALE_PLAN in str(error.orig):
        return True
    return isinstance(error, OperationalError) or _sqlstate(error) == READ_ONLY


def _lacks_table(error: DBAPIError) -> bool:
    message = str(error.orig)
    sqlite = message.startswith(("no such table", "no such column"))
    return sqlite or _sqlstate(error) in _UNDEFINED


def _sqlstate(error: DBAPIError) -> str | None:
    return getattr(error.orig, "sqlstate", None)
