"""A connection to an algorithm service: one request at a time, and an answer with bounds.

llhttp parses; this module limits what a service may send. HTTP lets a server send interim answers
(1xx) before the answer, and send a body in chunks of any size. Both cost time on the loop that all
calls share, and neither shows in the size of the body.
"""

from __future__ import annotations

import asyncio
import contextlib
import zlib
from typing import Any, Final, NamedTuple

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from easyai.domain.reason import Reason
from easyai.service_http.answer_bounds import (
    EXPLANATION_SEC,
    JSON_STARTS,
    LARGEST_ANSWER,
    LARGEST_EXPLANATION,
    LARGEST_ON_THE_WIRE,
    MOST_HEADS,
)

_LARGEST_HEAD: Final = 65_536  # bytes, with interim answers
_ENCODINGS: Final = (b"gzip", b"x-gzip", b"deflate")
_CUT_OFF: Final = Reason("call.cut_off")
_NOT_HTTP: Final = Reason("call.not_http")
_TOO_LARGE: Final = Reason.of("call.too_large", limit_bytes=LARGEST_ANSWER)


class Answer(NamedTuple):
    """An answer as far as it is of use: of a body that is no JSON object, only the beginning."""

    status: int
    body: bytes


class AnswerError(Exception):
    """There is no usable answer."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


class Connection(asyncio.Protocol):
    """A connection with at most one request under way."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._parser = _parser(self)
        self._transport: Any = None
        self._waiter: asyncio.Future[Answer] | None = None
        self._timer: asyncio.TimerHandle | None = None
        #: Whether another request may be sent.
        self.reusable = True
        #: Since when no request is under way, by the clock of the loop.
        self.idle_since = 0.0
        #: Bytes that came in answer to the last request.
        self.received = 0

    def exchange(self, request: bytes, ends_at: float) -> asyncio.Future[Answer]:
        """Send a request; the future ends with the answer, TimeoutError or AnswerError."""
        self.reusable = False
        self.received = self._heads = self._status = 0
        self._chunks: list[bytes] = []
        self._size = 0
        self._length: int | None = None
        self._chunked = self._complete = False
        self._encoding = b""
        self._ends_at = ends_at
        self._waiter = waiter = self._loop.create_future()
        self._timer = self._loop.call_at(ends_at, self._time_out)
        self._transport.write(request)
        return waiter

    def abort(self) -> None:
        """Close the connection at once, and forget the request under way."""
        self.reusable = False
        self._waiter = None
        self._stop_timer()
        if self._transport is not None:
            self._transport.abort()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the open connection."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Take bytes from the socket."""
        if self._waiter is None:  # nothing was asked
            self.abort()
            return
        self.received += len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            self._fail(_NOT_HTTP)
        if self._waiter is None:
            return
        if self._complete:
            self._finish()
        elif self._heads > MOST_HEADS:
            self._fail(Reason.of("call.too_many_answers", limit=MOST_HEADS))
        elif self.received > LARGEST_ON_THE_WIRE:
            self._fail(Reason.of("call.too_large", limit_bytes=LARGEST_ON_THE_WIRE))
        elif not self._status and self.received > _LARGEST_HEAD:
            self._fail(_NOT_HTTP)

    def eof_received(self) -> None:
        """Take the end of what the service sends; the transport closes the connection."""
        self.reusable = False

    def connection_lost(self, error: Exception | None) -> None:
        """Judge the end of the connection: it may be the end of an answer without a length."""
        self.reusable = False
        if self._waiter is None:
            return
        if self._status and self._length is None and not self._chunked and error is None:
            self._finish()
        else:
            self._fail(_CUT_OFF)

    # What the parser calls.

    def on_message_begin(self) -> None:
        """Take the begin of an answer or of an interim answer."""
        if self._complete:  # a second answer
            self.reusable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header line."""
        if self._status:  # the trailer of a body in chunks
            return
        name = name.lower()
        if name == b"content-length":
            with contextlib.suppress(ValueError):
                self._length = int(value)
        elif name == b"transfer-encoding":
            self._chunked = b"chunked" in value.lower()
        elif name == b"content-encoding" and (encoding := value.strip().lower()) in _ENCODINGS:
            self._encoding = encoding

    def on_headers_complete(self) -> None:
        """Take the end of a head."""
        if self._complete:
            return
        self._heads += 1
        status = self._parser.get_status_code()
        if status < 200:
            self._length, self._chunked, self._encoding = None, False, b""
            return
        self._status = status
        if status == 200:
            return
        if (self._length or 0) > LARGEST_EXPLANATION:
            self._resolve(b"")  # the status is enough
        else:
            self._stop_timer()
            ends_at = min(self._ends_at, self._loop.time() + EXPLANATION_SEC)
            self._timer = self._loop.call_at(ends_at, self._resolve, b"")

    def on_body(self, chunk: bytes) -> None:
        """Take a part of the body."""
        if self._waiter is None or self._complete:
            return
        self._size += len(chunk)
        first = not self._chunks
        self._chunks.append(chunk)
        if self._status != 200:
            if self._size > LARGEST_EXPLANATION:
                self._resolve(b"")
        elif self._size > LARGEST_ANSWER:
            self._fail(_TOO_LARGE)
        elif (
            first
            and not self._encoding
            and (start := chunk.lstrip())
            and start[0] not in JSON_STARTS
        ):
            self._resolve(chunk)

    def on_message_complete(self) -> None:
        """Take the end of an answer or of an interim answer."""
        if self._status and not self._complete and self._waiter is not None:
            self._complete = True
            self.reusable = self._parser.should_keep_alive()

    def _finish(self) -> None:
        body = b"".join(self._chunks)
        if self._encoding:
            try:
                body = _decoded(self._encoding, body)
            except zlib.error:
                self._fail(_NOT_HTTP)
                return
            if len(body) > LARGEST_ANSWER:
                self._fail(_TOO_LARGE)
                return
        self._resolve(body)

    def _resolve(self, body: bytes) -> None:
        waiter, self._waiter = self._waiter, None
        self._chunks = []  # a kept connection keeps no answer
        self._stop_timer()
        if waiter is not None and not waiter.done():
            waiter.set_result(Answer(self._status, body))

    def _fail(self, why: Reason) -> None:
        if self._status not in (0, 200):  # the status is enough
            self.reusable = False
            self._resolve(b"")
        else:
            self._end(AnswerError(why))

    def _time_out(self) -> None:
        self._end(TimeoutError())

    def _end(self, error: Exception) -> None:
        waiter = self._waiter
        self.abort()
        if waiter is not None and not waiter.done():
            waiter.set_exception(error)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _parser(connection: Connection) -> HttpResponseParser:
    """A parser that takes what aiohttp takes: services in the field write their own HTTP."""
    parser = HttpResponseParser(connection)
    parser.set_dangerous_leniencies(
        lenient_headers=True,
        lenient_optional_cr_before_lf=True,
        lenient_spaces_after_chunk_size=True,
        lenient_data_after_close=True,
    )
    return parser


def _decoded(encoding: bytes, body: bytes) -> bytes:
    """The body without its encoding, one byte longer than the limit at most."""
    windows = (zlib.MAX_WBITS | 32, -zlib.MAX_WBITS) if encoding == b"deflate" else (47,)
    for number, bits in enumerate(windows, 1):
        try:
            return zlib.decompressobj(bits).decompress(body, LARGEST_ANSWER + 1)
        except zlib.error:
            if number == len(windows):
                raise
    return b""
