"""Kept connections to an S3 server, and when a request is sent again.

A request with a condition may be sent again: the repeated condition is refused, and the caller
checks then whether the first attempt was carried out (store/bucket_moves.py).
"""

from __future__ import annotations

import math
import os
import ssl
import time
from collections import deque
from collections.abc import Sequence
from typing import Final

from easyai.s3.client_errors import NoAnswerError
from easyai.s3.s3_connection import (
    Address,
    Answer,
    Connection,
    Limits,
    NothingSentError,
    Request,
    connect,
    look_up,
)
from easyai.system.side_by_side import pause

_MOST_KEPT: Final = 64  # further threads open short-lived connections
_SAME_ADDRESSES_SEC: Final = 10.0  # a look-up holds up all requests of its thread
_JUST_SEC: Final = 1.0  # addresses that were looked up just now are not looked up again
_IDLE_SEC: Final = 15.0  # firewalls and servers forget idle connections without a word
_BUSY: Final = (500, 502, 503, 504)
_CONFLICT: Final = b"ConditionalRequestConflict"  # AWS: another request changes the key just now
_MOST_BUSY: Final = 3  # requests to a server that is busy
_PAUSE_SEC: Final = 0.1  # before the second attempt, doubled before each further attempt
_MOST_FAILURES: Final = 2  # attempts without an answer


class Connections:
    """Connections to a host; safe between threads, and not taken over by a forked process."""

    def __init__(self, host: str, port: int, *, secure: bool, limits: Limits) -> None:
        self._host, self._port, self._secure = host, port, secure
        self._limits = limits
        self._idle: deque[Connection] = deque()  # its operations need no lock
        self._process = os.getpid()
        self._tls: ssl.SSLContext | None = None
        self._addresses: Sequence[Address] = ()
        self._looked_up_at = -math.inf  # monotonic

    def ask(self, request: Request) -> Answer:
        """The answer to a request, after further attempts if it has none, or if the server is busy.

        A request that is sent `once` has no further attempt.

        Raises NoAnswerError, NoTlsError, NotS3Error or TooLargeError.
        """
        ends_at = time.monotonic() + self._limits.total_sec
        failures = busy = 0
        while True:
            try:
                answer = self._attempt(request, ends_at)
            except NoAnswerError:
                self.close()  # the next attempt opens a connection: others may be dead as well
                failures += 1
                if request.once or failures == _MOST_FAILURES or time.monotonic() >= ends_at:
                    raise
                continue
            if not _is_busy(answer):
                return answer
            busy += 1
            if request.once or busy == _MOST_BUSY or time.monotonic() >= ends_at:
                raise NoAnswerError(f"too many {answer.status} error responses")
            pause(_PAUSE_SEC * 2 ** (busy - 1))

    def close(self) -> None:
        """Close the kept connections."""
        while connection := self._newest():
            connection.close()

    def __del__(self) -> None:
        self.close()

    def _attempt(self, request: Request, ends_at: float) -> Answer:
        if kept := self._kept():
            try:
                return self._exchange(kept, request, ends_at)
            except NothingSentError:
                if request.once:
                    raise
                self.close()  # the server closed this connection meanwhile, and others perhaps
        return self._exchange(self._open(ends_at), request, ends_at)

    def _exchange(self, connection: Connection, request: Request, ends_at: float) -> Answer:
        try:
            return connection.exchange(request, self._limits.read_sec, ends_at)
        finally:
            self._keep(connection)

    def _kept(self) -> Connection | None:
        if self._process != os.getpid():  # the connections belong to the parent
            self._idle = deque()
            self._process = os.getpid()
        oldest = time.monotonic() - _IDLE_SEC
        while connection := self._newest():
            if connection.idle_since > oldest and not connection.stale:
                return connection
            connection.close()
        return None

    def _newest(self) -> Connection | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _keep(self, connection: Connection) -> None:
        if not connection.reusable or len(self._idle) >= _MOST_KEPT:
            connection.close()
            return
        connection.idle_since = time.monotonic()
        self._idle.append(connection)

    def _open(self, ends_at: float) -> Connection:
        """Open a connection, at last to addresses that are looked up anew; nothing is sent yet."""
        began = time.monotonic()
        ends_at = min(ends_at, began + self._limits.connect_sec)
        known_sec = began - self._looked_up_at
        if known_sec < _SAME_ADDRESSES_SEC:
            try:
                # Half of the time: a host that has moved does not answer at its old address.
                return self._connect(ends_at if known_sec < _JUST_SEC else (began + ends_at) / 2)
            except NoAnswerError:
                if known_sec < _JUST_SEC:
                    raise
        self._addresses = look_up(self._host, self._port)
        self._looked_up_at = time.monotonic()
        return self._connect(ends_at)

    def _connect(self, ends_at: float) -> Connection:
        left_sec = ends_at - time.monotonic()
        return connect(self._addresses, self._host, self._context(), left_sec)

    def _context(self) -> ssl.SSLContext | None:
        """What TLS trusts: the authorities of the system, or of SSL_CERT_FILE."""
        if not self._secure:
            return None
        tls = self._tls
        if tls is None:
            tls = self._tls = ssl.create_default_context()
        return tls


def _is_busy(answer: Answer) -> bool:
    return answer.status in _BUSY or (answer.status == 409 and _CONFLICT in answer.body)
