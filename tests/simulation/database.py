"""The ledger of a run: SQLite in memory, its transactions the steps of the simulation.

A transaction is atomic here as it is there; what may happen before, after and around it (another
actor, the end of the process, an answer that is lost) is drawn. Statements cost time, so that a
transaction of many statements holds up others.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.pool import StaticPool

from easyai.db import migrate
from easyai.db.engines import BUSY_TIMEOUT_SEC
from easyai.db.session import Database
from easyai.errors import DatabaseUnavailableError
from tests.simulation.scheduler import Lock, RunawayError, Scheduler

STATEMENT_SEC = 0.0003  # a round trip to the server, or a look into the file

_shared: list[tuple[sqlite3.Connection, _Plain, Connection]] = []


class _Cursor(sqlite3.Cursor):
    """Counts the statements of its connection; an event of SQLAlchemy would cost ten times more."""

    def execute(self, sql: str, values: Any = (), /) -> Self:
        self.connection.statements += 1  # type: ignore[attr-defined]
        return super().execute(sql, values)

    def executemany(self, sql: str, rows: Any, /) -> Self:
        self.connection.statements += 1  # type: ignore[attr-defined]
        return super().executemany(sql, rows)


class _Plain(sqlite3.Connection):
    statements = 0

    def cursor(self, *_: Any) -> sqlite3.Cursor:  # type: ignore[override]
        return super().cursor(_Cursor)


def _connections() -> tuple[sqlite3.Connection, _Plain, Connection]:
    """Template, connection and SQLAlchemy's: made once, for compiled statements are worth keeping.

    A single connection is enough, since transactions run one at a time.
    """
    if not _shared:
        template = sqlite3.connect(":memory:")
        with TemporaryDirectory() as folder:
            path = Path(folder, "easyai.db")
            migrate.upgrade(f"sqlite:///{path}")
            source = sqlite3.connect(path)
            source.backup(template)
            source.close()
        plain = _Plain(":memory:", isolation_level=None, check_same_thread=False)
        plain.execute("PRAGMA foreign_keys=ON")
        engine = create_engine("sqlite://", creator=lambda: plain, poolclass=StaticPool)
        _shared.append((template, plain, engine.connect()))
    return _shared[0]


class SharedDatabase:
    """The database of a run, to which every process has a `SimDatabase`."""

    def __init__(self, scheduler: Scheduler) -> None:
        template, self._plain, self._conn = _connections()
        template.backup(self._plain)
        self._plain.create_function("simulation_now", 0, lambda: scheduler.now)
        self.scheduler = scheduler
        self.lock = Lock(scheduler, BUSY_TIMEOUT_SEC)
        self.down_until = 0.0
        self.unheard = 0.0  # share of commits whose answer gets lost

    @property
    def engine(self) -> Engine:
        """The engine, as easyai.db.clock asks for it."""
        return self._conn.engine

    @property
    def statements(self) -> int:
        """Statements so far, of every run of this process."""
        return self._plain.statements

    def changes(self) -> int:
        """Rows written so far."""
        return self._plain.total_changes

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A transaction, by the holder of the lock."""
        with self._conn.begin():
            self._plain.execute("BEGIN")
            yield self._conn

    @contextmanager
    def looking(self) -> Iterator[Connection]:
        """A look from outside of the world, between two transactions; it changes nothing."""
        while self.lock.held:
            if self.scheduler.failures:  # no time passes any more, so the lock is never released
                raise RunawayError("the database is held by whoever failed")
            self.scheduler.advance(0.005)
        with self.transaction() as conn:
            yield conn


class SimDatabase(Database):
    """The view of a process on the database."""

    def __init__(self, shared: SharedDatabase) -> None:
        self.url = "sqlite://"
        self.engine = shared.engine
        self.is_sqlite = False  # nothing looks after a file here
        self._shared = shared

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """As in the real Database: it must not write."""
        with self._transaction() as conn:
            before = self._shared.changes()
            yield conn
            if self._shared.changes() != before:
                raise AssertionError("a transaction that reads has written")

    @contextmanager
    def write(self, *, lasting: bool = True, first: bool = False) -> Iterator[Connection]:
        """As in the real Database; at times the answer of the commit gets lost."""
        with self._transaction() as conn:
            yield conn
        shared = self._shared
        if shared.unheard and shared.scheduler.current.rng.random() < shared.unheard:
            raise DatabaseUnavailableError("the answer of the commit got lost")

    @contextmanager
    def dispatching(self) -> Iterator[Connection]:
        """As in the real Database."""
        with self.write() as conn:
            yield conn

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        shared, scheduler = self._shared, self._shared.scheduler
        scheduler.point()
        self._must_be_up()
        try:
            shared.lock.__enter__()
        except TimeoutError:
            raise DatabaseUnavailableError("the database does not answer: locked") from None
        try:
            self._must_be_up()
            before = shared.statements
            with shared.transaction() as conn:
                yield conn
                scheduler.sleep(STATEMENT_SEC * (shared.statements - before))
                self._must_be_up()
        finally:
            shared.lock.__exit__()
        scheduler.point()

    def _must_be_up(self) -> None:
        if self._shared.scheduler.now < self._shared.down_until:
            raise DatabaseUnavailableError("the database does not answer: connection refused")

    def dispose(self) -> None:
        """Nothing of its own is open."""
