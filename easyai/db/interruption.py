"""Ends the query of a thread from another thread: its answer is wanted no more."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from sqlalchemy import Connection

from easyai.errors import DatabaseUnavailableError

_CANCEL_SEC: Final = 5.0  # for a server that does not answer


class Interruption:
    """Ends the transactions of a thread that reads; see `Database.interruptible`."""

    def __init__(self) -> None:
        # Held while the database is asked to end a query: meanwhile the thread cannot give its
        # connection back to the pool, and no other query is ended.
        self._lock = threading.Lock()
        self._driver: Any = None  # the connection in use
        self._is_ended = False

    def end(self) -> None:
        """End the query under way; later transactions of the thread raise.

        From any thread; takes up to 5 s. Raises an error of the driver when the database cannot be
        asked.
        """
        with self._lock:
            self._is_ended = True
            if isinstance(self._driver, sqlite3.Connection):
                self._driver.interrupt()
            elif self._driver is not None:
                self._driver.cancel_safe(timeout=_CANCEL_SEC)

    @contextmanager
    def covers(self, conn: Connection) -> Iterator[None]:
        """Let `end` end the statements of the block on a connection."""
        with self._lock:
            if self._is_ended:
                raise DatabaseUnavailableError("the answer is wanted no more")
            outer, self._driver = self._driver, conn.connection.driver_connection
        try:
            yield
        finally:
            with self._lock:
                self._driver = outer
                is_ended = self._is_ended
            if is_ended and conn.dialect.name != "sqlite":
                # A server behind a pooler may end the query a moment later: not another query.
                with suppress(Exception):
                    conn.invalidate()
