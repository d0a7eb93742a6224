"""A connection to an S3 server: one request at a time, and an answer with bounds.

llhttp parses; this module limits how long an answer may take and how many bytes it may have.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, TypeVar

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from easyai.s3.client_errors import NoAnswerError, NoTlsError, NotS3Error, TooLargeError
from easyai.system.side_by_side import READABLE, WRITABLE, wait

Value = TypeVar("Value")
Result = TypeVar("Result")

_LARGEST_HEAD: Final = 65_536  # bytes, with interim answers; also of a trailer
_LARGEST_REFUSAL: Final = 65_536  # bytes of the body of an error
_READ: Final = 65_536  # bytes at once

Address = tuple[Any, ...]  # as getaddrinfo returns it


class Limits(NamedTuple):
    """How long a request may take, in seconds."""

    connect_sec: float  # to connect, with the TLS handshake
    read_sec: float  # without a byte of the answer
    total_sec: float  # with every further attempt


class Request(NamedTuple):
    """A request, as it is sent."""

    data: bytes
    has_body: bool  # its answer; false for HEAD
    limit: int  # bytes of the body of an answer with success
    once: bool = False  # it is not sent again: no condition refuses it then


class Answer(NamedTuple):
    """The answer to a request."""

    status: int
    headers: dict[str, str]  # by the name in lower case
    body: bytes


class NothingSentError(NoAnswerError):
    """The server closed the connection before the first byte of its answer."""


class Connection:
    """An open connection, whose socket does not block; not safe between threads."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)
        #: Whether another request may be sent.
        self.reusable = True
        #: Since when no request is under way (monotonic).
        self.idle_since = 0.0

    @property
    def stale(self) -> bool:
        """Whether the server closed the connection, or sent bytes that nobody asked for."""
        return bool(self._poll.poll(0))

    def close(self) -> None:
        """Close the connection."""
        with contextlib.suppress(OSError):  # the other side was faster
            self._socket.close()

    def exchange(self, request: Request, read_sec: float, ends_at: float) -> Answer:
        """Send a request and return its answer, which ends before a moment (monotonic).

        Raises NothingSentError, another NoAnswerError, NotS3Error or TooLargeError; the connection
        is not reusable then.
        """
        self.reusable = False
        reader = _Reader(request.has_body, request.limit)
        received = 0
        try:
            data = memoryview(request.data)
            while data:
                data = data[_when_ready(self._socket, self._socket.send, data, read_sec, ends_at) :]
            _wait(self._socket, READABLE, read_sec, ends_at)  # an answer is never there at once
            while not reader.complete:
                part = _when_ready(self._socket, self._socket.recv, _READ, read_sec, ends_at)
                received += len(part)
                reader.feed(part)
        except TimeoutError:
            raise NoAnswerError("read timed out") from None
        except OSError as error:
            kind = NoAnswerError if received else NothingSentError
            raise kind(_words(error)) from None
        self.reusable = reader.keeps_alive
        return Answer(reader.status, reader.headers, b"".join(reader.chunks))


class _Reader:
    """Collects an answer from the parser, which calls the methods `on_…`."""

    def __init__(self, has_body: bool, limit: int) -> None:
        self._has_body, self._limit = has_body, limit
        self._parser = HttpResponseParser(self)
        self._size = 0
        self._answered = False
        self._since_body = 0  # bytes of the head or the trailer
        self.status = 0
        self.headers: dict[str, str] = {}
        self.chunks: list[bytes] = []
        self.complete = False
        self.keeps_alive = False

    def feed(self, data: bytes) -> None:
        """Take bytes of the answer; b"" when the server closed the connection."""
        if not data:
            self._end()
            return
        size, self._answered = self._size, True
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            if not self.complete:
                raise NotS3Error("the answer is no HTTP") from None
            self.keeps_alive = False  # more bytes than the answer has
        if self._size > self._limit:
            raise TooLargeError(f"the answer has more than {self._limit} bytes")
        self._since_body = 0 if self._size > size else self._since_body + len(data)
        if not self.complete and self._since_body > _LARGEST_HEAD:
            raise NotS3Error("the head or the trailer of the answer has no end")

    def _end(self) -> None:
        headers = self.headers
        if not self._answered:
            raise NothingSentError("the connection was closed without an answer")
        if not self.status or "content-length" in headers or "transfer-encoding" in headers:
            raise NoAnswerError("Connection broken: the answer is not complete")
        self.complete = True  # the end of the connection is the end of the body

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header line."""
        if not self.status:  # not the trailer of a body in chunks
            self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Take the end of a head."""
        status = self._parser.get_status_code()
        if self.complete:  # a second answer
            self.keeps_alive = False
        elif status < 200:
            self.headers = {}
        else:
            self.status = status
            if status >= 300:
                self._limit = max(self._limit, _LARGEST_REFUSAL)
            self.complete = not self._has_body
            self.keeps_alive = self._keeps_alive()

    def _keeps_alive(self) -> bool:
        if self._has_body:
            return self._parser.should_keep_alive()
        # The parser expects a body, and the end of the connection where a head states no length.
        closes = "close" in self.headers.get("connection", "").lower()
        return self._parser.get_http_version() == "1.1" and not closes

    def on_body(self, chunk: bytes) -> None:
        """Take a part of the body."""
        if self.complete:
            self.keeps_alive = False  # a body after HEAD, or of a second answer
            return
        self._size += len(chunk)
        if self._size <= self._limit:
            self.chunks.append(chunk)

    def on_message_complete(self) -> None:
        """Take the end of an answer, or of an interim answer."""
        self.complete = self.complete or bool(self.status)


def look_up(host: str, port: int) -> Sequence[Address]:
    """The addresses of a host; holds up all requests of the thread. Raises NoAnswerError."""
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise NoAnswerError(_words(error)) from None


def connect(
    addresses: Sequence[Address], host: str, tls: ssl.SSLContext | None, connect_sec: float
) -> Connection:
    """Open a connection to the first address of a host that accepts it; they share the time.

    Raises NoAnswerError, or NoTlsError when there is no secure connection.
    """
    ends_at = time.monotonic() + connect_sec
    why: OSError = OSError("no address")
    for number, (family, kind, protocol, _, address) in enumerate(addresses):
        sock = socket.socket(family, kind, protocol)
        try:
            share = (ends_at - time.monotonic()) / (len(addresses) - number)
            _connect(sock, address, share, ends_at)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return Connection(sock if tls is None else _secured(sock, tls, host, share, ends_at))
        except ssl.SSLError as error:
            sock.close()
            raise NoTlsError(_words(error)) from None
        except OSError as error:
            sock.close()
            why = error
    raise NoAnswerError(_words(why)) from None


def _connect(sock: socket.socket, address: Any, share_sec: float, ends_at: float) -> None:
    sock.setblocking(False)
    failure = sock.connect_ex(address)
    if failure == errno.EINPROGRESS:
        _wait(sock, WRITABLE, share_sec, ends_at)
        failure = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if failure:
        raise OSError(failure, os.strerror(failure))


def _secured(
    sock: socket.socket, tls: ssl.SSLContext, host: str, share_sec: float, ends_at: float
) -> ssl.SSLSocket:
    secured = tls.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
    try:
        _when_ready(secured, lambda _: secured.do_handshake(), None, share_sec, ends_at)
    except OSError:
        secured.close()  # it has taken over the socket
        raise
    return secured


def _when_ready(
    sock: socket.socket,
    act: Callable[[Value], Result],
    value: Value,
    most_sec: float,
    ends_at: float,
) -> Result:
    """Act on a socket as soon as it is possible without blocking."""
    while True:
        try:
            return act(value)
        except ssl.SSLWantReadError:
            event = READABLE
        except ssl.SSLWantWriteError:
            event = WRITABLE
        except BlockingIOError:
            event = READABLE if act == sock.recv else WRITABLE
        _wait(sock, event, most_sec, ends_at)


def _wait(sock: socket.socket, event: int, most_sec: float, ends_at: float) -> None:
    if not wait(sock.fileno(), event, _seconds_left(most_sec, ends_at)):
        raise TimeoutError("timed out")


def _seconds_left(most: float, ends_at: float) -> float:
    seconds = min(most, ends_at - time.monotonic())
    if seconds <= 0:
        raise TimeoutError("timed out")
    return seconds


def _words(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate verify failed: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return error.reason or str(error)
    return error.strerror or str(error)
