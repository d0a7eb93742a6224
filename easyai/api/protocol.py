"""The HTTP/1.1 of the API server: uvicorn's on httptools, with errors in the contract's shape.

Operators' documents call with raw UTF-8 (`curl '…/alerts?task_type=人数统计'`), and curl and Go
send these bytes unchanged; simple clients end lines with bare line feeds. llhttp, the parser of
httptools, refuses both, so this module rewrites them first. What llhttp leaves to its user is here,
too: the size of a head, the Host header, transfer codings, trailers, upgrades that this server does
not make, and pipelines.
"""

from __future__ import annotations

import json
import re
from enum import StrEnum
from typing import Any, Final

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

_INVALID: Final = (
    "Invalid HTTP request received: percent-encode blanks and control characters in the path and "
    "the query, and send a Host and the right Content-Length"
)
_NOT_ASCII: Final = re.compile(rb"[\x80-\xff]")
_LARGEST_HEAD_BYTES: Final = 65_536
_MOST_PIPELINED: Final = 100  # requests that wait for the answers to earlier requests
_VERSIONS: Final = ("1.0", "1.1")
_BARE_LF: Final = re.compile(rb"(?<!\r)\n")
_HEAD_END: Final = re.compile(rb"\n\r?\n")
_CHUNKED: Final = b"chunked"
#: The only path with a WebSocket; the server ignores a request for an upgrade of another path.
SOCKET_PATH: Final = "/api/v1/live"


class Part(StrEnum):
    """The part of a request whose bytes come next."""

    HEAD = "head"
    BODY = "body"


class ContractProtocol(HttpToolsProtocol):
    """Takes raw UTF-8 in a request's target; answers ``{"error": …}`` also to invalid HTTP."""

    next_part = Part.HEAD
    #: The bytes of a head whose end has not come.
    head_begun = b""
    #: The request that is answered now, or was answered last; `cycle` is the newest request.
    answered: RequestResponseCycle | None = None
    _is_begun = False  # the head
    _is_head_ended = False  # in the bytes that came last
    _head_bytes = 0  # of the target, headers and trailers of a request
    _framing_bytes = 0  # since the last byte of a body
    _is_broken = False  # the bytes that come are not looked at
    _head_again = b""  # of a request that asks for an upgrade

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._renew_parser()

    @property
    def is_answering(self) -> bool:
        """Whether a request waits for the end of its answer."""
        return self.answered is not None and not self.answered.response_complete

    def data_received(self, data: bytes) -> None:
        """Take bytes from the socket."""
        self._unset_keepalive_if_required()
        if self._is_broken:
            return
        in_head = self.next_part is Part.HEAD
        if in_head:
            if not data.isascii():
                data = encode_target(self.head_begun, data)
            if data.count(b"\n") != data.count(b"\r\n"):
                data = end_lines(self.head_begun, data)
        self._framing_bytes += len(data)
        self._is_head_ended = False
        try:
            self._feed(data)
        except httptools.HttpParserError:
            self._end_broken()
            return
        if not self._is_begun:
            self.head_begun = b""
        elif in_head and not self._is_head_ended:
            self.head_begun += data
        else:
            # The head follows another request, whose bytes are not counted again. Raw bytes of
            # this head are refused.
            self.head_begun = b"\r\n"
        if len(self.head_begun) > _LARGEST_HEAD_BYTES or self._framing_bytes > _LARGEST_HEAD_BYTES:
            self._end_broken()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wake the request that is answered, although newer requests wait behind it."""
        if self.answered is not None and self.is_answering:
            self.answered.disconnected = True
            self.answered.message_event.set()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._is_begun, self._head_bytes = True, 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Take a piece of the target."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; trailers, which come after the body, are dropped."""
        self._count(len(name) + len(value) + 4)
        if self.next_part is Part.HEAD:
            super().on_header(name, value.strip(b" \t"))

    def on_headers_complete(self) -> None:
        """Check the head; run the request, or let it wait for the answers before its own."""
        self._check_head()
        self._is_begun, self._is_head_ended, self._framing_bytes = False, True, 0
        if self.parser.should_upgrade() and not self._should_upgrade():
            self._unsupported_upgrade_warning()
            self._head_again = self._head_without_upgrade()
            return
        self.next_part = Part.BODY
        self.url = self.url.replace(b"#", b"%23")  # a client that encodes too little means a path
        if self.parser.get_http_version() == "1.0":
            self.expect_100_continue = False
        super().on_headers_complete()
        if not self.pipeline:
            self.answered = self.cycle

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._framing_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request."""
        if not self._head_again:
            self.next_part, self._framing_bytes = Part.HEAD, 0
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on with the next request that has come, if any."""
        if self.pipeline:
            self.answered = self.pipeline[-1][0]
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse a request that cannot be parsed, and close the connection."""
        self.refuse(400, "Bad Request", msg)

    def refuse(self, status: int, reason: str, fault: str) -> None:
        """Answer in the contract's shape, whatever part of a request has come, and close."""
        self._is_broken = True
        body = json.dumps({"error": fault}).encode()
        head = (
            f"HTTP/1.1 {status} {reason}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()

    def _feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as stopped:
            if not self._head_again:
                self.handle_websocket_upgrade()
                return
            # Java's HttpClient asks for HTTP/2 with its first request. A server may ignore that
            # (RFC 9110, 7.8), but llhttp would take the body for another request.
            again, self._head_again = self._head_again, b""
            self._renew_parser()  # after `Connection: close` the present parser takes nothing
            self._feed(again + data[stopped.args[0] :])

    def _renew_parser(self) -> None:
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(
            lenient_data_after_close=True,  # or an answer could not follow a pipelined request
            lenient_spaces_after_chunk_size=True,  # some clients write them
        )

    def _should_upgrade(self) -> bool:
        is_socket = self.url.partition(b"?")[0] == SOCKET_PATH.encode()
        return is_socket and super()._should_upgrade()

    def _head_without_upgrade(self) -> bytes:
        lines = [b"%s %s HTTP/1.1" % (self.parser.get_method(), self.url)]
        lines += [b"%s: %s" % header for header in self.headers if header[0] != b"upgrade"]
        return b"\r\n".join((*lines, b"", b""))

    def _count(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > _LARGEST_HEAD_BYTES:
            raise ValueError("the head is too large")  # the parser stops

    def _check_head(self) -> None:
        """Raise ValueError, which stops the parser, for a head that llhttp lets pass."""
        version = self.parser.get_http_version()
        names = [name for name, _ in self.headers]
        hosts = names.count(b"host")
        if version not in _VERSIONS or hosts > 1 or (not hosts and version == "1.1"):
            raise ValueError("not the version or the Host of HTTP/1.1")
        if b"transfer-encoding" in names:
            coding = next(value for name, value in self.headers if name == b"transfer-encoding")
            if coding.lower() != _CHUNKED:
                raise ValueError("a transfer coding that is not known")
        if self.parser.get_method() == b"CONNECT" or len(self.pipeline) >= _MOST_PIPELINED:
            raise ValueError("no proxy, or too many requests at once")

    def _end_broken(self) -> None:
        """Look at no more bytes; answer what came before them, and close."""
        self._is_broken = True
        newest = self.cycle
        if self.is_answering and not newest.more_body:
            newest.keep_alive = False  # closes after the last answer
            return
        # The body of a request that is answered already is broken, or of a request that waits.
        in_answer = not self.is_answering or self.pipeline or newest.response_started
        if self.next_part is Part.BODY and in_answer:
            self.transport.close()
            return
        self.logger.warning("Invalid HTTP request received.")
        self.send_400_response(_INVALID)


def encode_target(before: bytes, data: bytes) -> bytes:
    """The next bytes of a request, with the bytes above 127 in its target percent-encoded.

    `before`: the bytes of the request that have already arrived. Encoding works byte by byte, so
    the network may cut anywhere; the length stays within the limit for a request's head.
    """
    if b"\n" in before:
        return data  # headers
    line, newline, rest = data.partition(b"\n")
    method, blank, target = (b"", b"", line) if b" " in before else line.partition(b" ")
    encoded = _NOT_ASCII.sub(lambda found: b"%%%02X" % found[0][0], target)
    return b"".join((method, blank, encoded, newline, rest))


def end_lines(before: bytes, data: bytes) -> bytes:
    """The next bytes of a request, with CR LF for each bare line feed in its head.

    `before`: the bytes of the request that have already arrived, with CR LF.
    """
    whole = before + data
    end = found.end() if (found := _HEAD_END.search(whole)) else len(whole)
    return _BARE_LF.sub(b"\r\n", whole[:end])[len(before) :] + whole[end:]
