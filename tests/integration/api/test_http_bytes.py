"""The bytes of requests mean the same as they mean to h11, which parsed them in early versions."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from easyai.api.protocol import end_lines
from tests.integration.api.live import LiveApi, error_of

LAST = b"Host: t\r\nConnection: close\r\n"
CHUNKED = LAST + b"Transfer-Encoding: chunked\r\n"
POST = b"POST /p HTTP/1.1"
KEPT_POST = POST + b"\r\nHost: t\r\nContent-Length: %d\r\n\r\n"


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """An app that answers with the parts of the request."""
    body = b""
    more = scope["type"] == "http"
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message["body"]
        more = message["more_body"]
    headers = sorted([name, value] for name, value in scope["headers"] if name not in _UNSTABLE)
    parts = [scope["method"], scope["path"], scope["query_string"], headers, body]
    answer = json.dumps(parts, default=lambda text: text.decode("latin-1")).encode()
    head = [(b"content-length", b"%d" % len(answer))]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": answer})


_UNSTABLE = (b"transfer-encoding", b"upgrade", b"content-length")


@pytest.fixture(scope="module")
def ours() -> Iterator[LiveApi]:
    """The echo behind the API's protocol."""
    with LiveApi(echo) as live:
        yield live


@pytest.fixture(scope="module")
def by_h11() -> Iterator[LiveApi]:
    """The echo behind uvicorn's h11."""
    with LiveApi(echo, http="h11") as live:
        yield live


def _ask(api: LiveApi, pieces: Sequence[bytes]) -> bytes:
    """All bytes that the server answers before it closes the connection."""
    received = b""
    with socket.create_connection(("127.0.0.1", api.port), timeout=15) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                connection.sendall(piece)
                time.sleep(0.001 if len(pieces) > 1 else 0)  # or the kernel would join them
            while got := connection.recv(65536):
                received += got
    return received


def _parts(answer: bytes) -> list[tuple[int, Any]]:
    """The status of each answer, and what the echo received."""
    found = re.findall(
        rb"HTTP/1\.1 (\d+) [^\r]*\r\n(.*?)\r\n\r\n((?:\[.*?\])?(?=HTTP|$))", answer, re.S
    )
    return [(int(status), json.loads(body) if body else None) for status, _, body in found]


def _request(line: bytes = b"GET /p HTTP/1.1", head: bytes = LAST, body: bytes = b"") -> bytes:
    return line + b"\r\n" + head + b"\r\n" + body


def _bytewise(request: bytes) -> list[bytes]:
    return [bytes([byte]) for byte in request]


KEPT = _request(head=b"Host: t\r\n")
SAME = {
    "plain": [_request()],
    "byte by byte": _bytewise(_request(POST, LAST + b"Content-Length: 2\r\n", b"{}")),
    "bare line feeds": [_request().replace(b"\r\n", b"\n")],
    "bare line feeds byte by byte": _bytewise(_request().replace(b"\r\n", b"\n")),
    "bare line feeds and a body": [
        _request(POST, LAST + b"Content-Length: 5\r\n").replace(b"\r\n", b"\n") + b"{\n\n\n}"
    ],
    "line feeds in a body": [_request(POST, LAST + b"Content-Length: 5\r\n", b"{\n\n\n}")],
    "fragment": [_request(b"GET /a#b?c HTTP/1.1")],
    "odd characters": [_request(b"GET /|{}<>\"^`\\'?|{}<>\"^`\\' HTTP/1.1")],
    "escapes": [_request(b"GET /%2f%00%ff?x=%41&y=%zz HTTP/1.1")],
    "two slashes": [_request(b"GET //a/../b/./c HTTP/1.1")],
    "no query": [_request(b"GET /? HTTP/1.1")],
    "star": [_request(b"OPTIONS * HTTP/1.1")],
    "HTTP/1.0": [b"GET /p HTTP/1.0\r\n\r\n"],
    "HTTP/1.0 keep-alive": [b"GET /p HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"],
    "HTTP/1.0 expect": [
        _request(b"POST /p HTTP/1.0", b"Content-Length: 2\r\nExpect: 100-continue\r\n", b"{}")
    ],
    "expect": [_request(POST, LAST + b"Content-Length: 2\r\nExpect: 100-Continue\r\n", b"{}")],
    "body of a GET": [_request(head=LAST + b"Content-Length: 2\r\n", body=b"{}")],
    "zeros in the length": [_request(POST, LAST + b"Content-Length: 0002 \r\n", b"{}")],
    "chunks": [_request(POST, CHUNKED, b"1;x=y\r\n{\r\n1 \r\n}\r\n0\r\n\r\n")],
    "trailer": [_request(POST, CHUNKED, b"2\r\n{}\r\n0\r\nOrigin: http://evil\r\n\r\n")],
    "HTTP/1.0 chunks": [_request(b"POST /p HTTP/1.0", CHUNKED, b"2\r\n{}\r\n0\r\n\r\n")],
    "large body": [_request(POST, LAST + b"Content-Length: 300000\r\n", b"x" * 300_000)],
    "raw UTF-8 in a header": [_request(head=LAST + "X: 人\r\n".encode())],
    "blanks around a value": [_request(head=LAST + b"X: \t a b \t\r\nY:\r\n")],
    "empty Host": [_request(head=b"Host:\r\nConnection: close\r\n")],
    "header of 60 kB": [_request(head=LAST + b"X: " + b"a" * 60_000 + b"\r\n")],
    "pipeline": [KEPT + _request(POST, b"Host: t\r\nContent-Length: 2\r\n", b"{}") + _request()],
    "pipeline of 50": [KEPT * 50 + _request()],
    "after the last request": [_request() + KEPT],
    "kept": [KEPT, KEPT, _request()],
    "HTTP/2 of Java": [
        _request(POST, b"Host: t\r\nConnection: Upgrade, HTTP2-Settings\r\nContent-Length: 2\r\n"
                 b"HTTP2-Settings: AAMAAABk\r\nUpgrade: h2c\r\n", b"{}"),
        _request(),
    ],
    "HTTP/2 of Java in pieces": [
        b"POST /p HTTP/1.1\r\nHost: t\r\nConnection: Upgr",
        b"ade\r\nTransfer-Encoding: chunked\r\nUpgrade: h2c\r\n\r\n2\r\n{",
        b"}\r\n0\r\n\r\n" + _request(),
    ],
    "HTTP/2 of Java, last": [_request(head=LAST + b"Connection: Upgrade\r\nUpgrade: h2c\r\n")],
    "upgrade without a connection": [_request(head=LAST + b"Upgrade: h2c\r\n")],
}  # fmt: skip
REFUSED = {
    "no Host": [_request(head=b"X: a\r\n")],
    "two Hosts": [_request(head=b"Host: t\r\nHost: u\r\n")],
    "two lengths": [_request(POST, LAST + b"Content-Length: 2\r\nContent-Length: 3\r\n", b"{}")],
    "negative length": [_request(POST, LAST + b"Content-Length: -2\r\n", b"{}")],
    "signed length": [_request(POST, LAST + b"Content-Length: +2\r\n", b"{}")],
    "empty length": [_request(POST, LAST + b"Content-Length:\r\n", b"{}")],
    "endless length": [_request(POST, LAST + b"Content-Length: " + b"9" * 30 + b"\r\n", b"{}")],
    "coding before chunks": [_request(POST, LAST + b"Transfer-Encoding: gzip, chunked\r\n")],
    "another coding": [_request(POST, LAST + b"Transfer-Encoding: gzip\r\n")],
    "two codings": [_request(POST, CHUNKED + b"Transfer-Encoding: chunked\r\n")],
    "hidden coding": [_request(POST, LAST + b"Transfer-Encoding: \x0bchunked\r\n", b"0\r\n\r\n")],
    "chunk without a size": [_request(POST, CHUNKED, b"zz\r\n")],
    "chunk of another size": [_request(POST, CHUNKED, b"2\r\n{}}\r\n0\r\n\r\n")],
    "chunk in C": [_request(POST, CHUNKED, b"0x2\r\n{}\r\n0\r\n\r\n")],
    "blank in the target": [_request(b"GET /a b HTTP/1.1")],
    "control characters": [_request(b"GET /a\x7f\x01 HTTP/1.1")],
    "NUL in a value": [_request(head=LAST + b"X: a\0b\r\n")],
    "CR in a value": [_request(head=LAST + b"X: a\rY: b\r\n")],
    "blank before the colon": [_request(head=b"Host : t\r\n")],
    "no colon": [_request(head=LAST + b"X\r\n")],
    "raw UTF-8 in a name": [_request(head=LAST + "人: x\r\n".encode())],
    "HTTP/0.9": [b"GET /p\r\n\r\n"],
    "TLS": [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"],
}
# h11 lets these pass. No client is known to send them; a gateway may read them in another way.
REFUSED_NOW = {
    "length and chunks": [_request(POST, CHUNKED + b"Content-Length: 2\r\n", b"0\r\n\r\n")],
    "length twice": [_request(POST, LAST + b"Content-Length: 2\r\n" * 2, b"{}")],
    "folded header": [_request(head=LAST + b"X: a\r\n b\r\n")],
    "bare line feeds of chunks": [_request(POST, CHUNKED, b"2\n{}\n0\n\n")],
    "HTTP/2.0": [_request(b"GET /p HTTP/2.0")],
    "tunnel": [_request(b"CONNECT h:1 HTTP/1.1")],
    "unknown method": [_request(b"GIBBERISH /p HTTP/1.1")],
    "header of 70 kB": [_request(head=LAST + b"X: " + b"a" * 70_000 + b"\r\n")],
    "many headers": [_request(head=LAST + b"X: a\r\n" * 12_000)],
    "target of 70 kB": [_request(b"GET /" + b"a" * 70_000 + b" HTTP/1.1")],
}


@pytest.mark.parametrize("name", SAME)
def test_bytes_of_a_request_mean_the_same_as_to_h11(
    ours: LiveApi, by_h11: LiveApi, name: str
) -> None:
    got = _parts(_ask(ours, SAME[name]))

    assert got
    assert got == _parts(_ask(by_h11, SAME[name]))


@pytest.mark.parametrize("name", REFUSED)
def test_invalid_request_is_refused_as_by_h11(ours: LiveApi, by_h11: LiveApi, name: str) -> None:
    head, _, body = _ask(ours, REFUSED[name]).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 400 ")
    assert "percent-encode" in error_of(body)
    assert _ask(by_h11, REFUSED[name]).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("name", REFUSED_NOW)
def test_doubtful_or_oversized_request_is_refused(ours: LiveApi, name: str) -> None:
    head, _, body = _ask(ours, REFUSED_NOW[name]).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 400 ")
    assert error_of(body)


@pytest.mark.parametrize(
    "begun",
    [
        b"GET /" + b"a" * 100,
        b"GET /p HTTP/1.1\r\n" + LAST + b"X: ",
        _request(POST, CHUNKED, b"0\r\nX: "),
        _request(POST, CHUNKED, b"2;"),
    ],
    ids=["target", "header", "trailer", "extension of a chunk"],
)
def test_endless_part_of_a_request_is_cut_off(ours: LiveApi, begun: bytes) -> None:
    sent = 0
    with (
        socket.create_connection(("127.0.0.1", ours.port), timeout=15) as connection,
        contextlib.suppress(ConnectionError),
    ):
        connection.sendall(begun)
        while sent < 50_000_000:
            connection.sendall(b"a" * 100_000)
            sent += 100_000

    assert sent < 20_000_000  # what the kernel holds


def test_requests_before_an_invalid_request_are_answered(ours: LiveApi) -> None:
    answers = _parts(_ask(ours, [KEPT * 2 + b"\x16\x03\x01 nonsense\r\n\r\n"]))

    assert [status for status, _ in answers] == [200, 200]


def test_request_that_follows_a_long_body_in_the_same_bytes_is_answered(ours: LiveApi) -> None:
    length = 70_000
    begun = KEPT_POST % length + bytes(length) + b"GET /la"
    answers = _parts(_ask(ours, [begun, b"st HTTP/1.1\r\n" + LAST + b"\r\n"]))
    assert [(status, parts[1]) for status, parts in answers] == [(200, "/p"), (200, "/last")]


def test_pipeline_that_is_too_long_is_answered_in_part_and_closed(ours: LiveApi) -> None:
    answers = _parts(_ask(ours, [KEPT * 500]))

    assert [status for status, _ in answers] == [200] * 101


@pytest.mark.parametrize(
    ("before", "data", "expected"),
    [
        (b"", b"GET / HTTP/1.1\nHost: t\n\n\n", b"GET / HTTP/1.1\r\nHost: t\r\n\r\n\n"),
        (b"GET / HTTP/1.1\r", b"\nHost: t\n", b"\nHost: t\r\n"),
        (b"GET / HTTP/1.1\r\nHost: t\r\n", b"\n{\n}", b"\r\n{\n}"),
        (b"", b"GET / HTTP/1.1\r\n\r\n\n", b"GET / HTTP/1.1\r\n\r\n\n"),
    ],
)
def test_only_line_feeds_of_a_head_are_completed(
    before: bytes, data: bytes, expected: bytes
) -> None:
    assert end_lines(before, data) == expected
