"""The client for plain http:// against servers that write their own HTTP, on real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import socket
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvloop

from easyai.service_http import plain_client
from easyai.service_http.answer_bounds import LARGEST_ANSWER
from easyai.service_http.plain_client import (
    NotAcceptedError,
    NotConnectedError,
    PlainClient,
    target,
)
from easyai.service_http.plain_connection import Answer, AnswerError

GOOD = b'{"success": true}'
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def _open_socket(address: Any) -> socket.socket:
    return socket.socket(address[0], address[1], address[2])


async def _request(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """The head and the body of the next request."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    return head, await reader.readexactly(length)


class _Server:
    """Sends the given bytes for each request; counts connections."""

    def __init__(self, sent: bytes, *, closes: bool = False) -> None:
        self.sent, self.closes = sent, closes
        self.connections = 0
        self.requests: list[tuple[bytes, bytes]] = []
        self.port = 0
        self.end: Callable[[], None] = lambda: None  # stops listening

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                self.requests.append(await _request(reader))
                writer.write(self.sent)
                if self.closes:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        await _close(writer)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/infer?model=a"


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


@asynccontextmanager
async def _client(server: _Server) -> AsyncIterator[PlainClient]:
    serving: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.create_task(server.serve(reader, writer)))

    listening = await asyncio.start_server(accept, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    server.end = listening.close
    client = PlainClient(_open_socket)
    try:
        yield client
    finally:
        client.close()
        listening.close()
        await asyncio.gather(*serving)


async def _post(client: PlainClient, url: str, timeout_sec: float = 5.0) -> Answer:
    to = target(url)
    assert to is not None
    return await client.post(to, b"{}", {"X-Trace": "7"}, timeout_sec, 2.0)


def _ask(server: _Server, times: int = 1, timeout_sec: float = 5.0) -> list[Answer]:
    async def run() -> list[Answer]:
        async with _client(server) as client:
            return [await _post(client, server.url, timeout_sec) for _ in range(times)]

    return asyncio.run(run())


def _with_length(body: bytes, head: str = "", status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def test_a_request_carries_target_headers_and_body() -> None:
    server = _Server(_with_length(GOOD))
    assert _ask(server) == [Answer(200, GOOD)]
    ((head, body),) = server.requests
    assert head.startswith(b"POST /infer?model=a HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n" % server.port)
    assert b"User-Agent: easyai/" in head
    assert b"\r\nX-Trace: 7\r\n" in head
    assert body == b"{}"


def test_requests_after_each_other_share_a_connection() -> None:
    server = _Server(_with_length(GOOD))
    assert _ask(server, 3) == [Answer(200, GOOD)] * 3
    assert server.connections == 1


@pytest.mark.parametrize(
    "head", ["Connection: close\r\n", "Keep-Alive: timeout=0\r\nConnection: Close\r\n"]
)
def test_a_connection_that_the_service_closes_is_not_kept(head: str) -> None:
    server = _Server(_with_length(GOOD, head), closes=True)
    assert _ask(server, 2) == [Answer(200, GOOD)] * 2
    assert server.connections == 2


def test_a_kept_connection_is_closed_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_client, "KEEPALIVE_SEC", 0.05)
    server = _Server(_with_length(GOOD))

    async def run() -> None:
        async with _client(server) as client:
            await _post(client, server.url)
            await asyncio.sleep(0.2)
            assert client._idle == {}  # the descriptors of a service that is gone are free again
            await _post(client, server.url)

    asyncio.run(run())
    assert server.connections == 2


BODIES = {
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n11\r\n%b\r\n0\r\n\r\n" % GOOD,
    "chunks with blanks": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    + b"11 \r\n%b\r\n0\r\n\r\n" % GOOD,
    "bare line feeds": b"HTTP/1.1 200 OK\nContent-Length: 17\n\n%b" % GOOD,
    "interim answers": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    + _with_length(GOOD),
    "gzip": _with_length(gzip.compress(GOOD), "Content-Encoding: gzip\r\n"),
    "deflate": _with_length(zlib.compress(GOOD), "Content-Encoding: deflate\r\n"),
    "deflate without its head": _with_length(
        zlib.compress(GOOD, wbits=-15), "Content-Encoding: deflate\r\n"
    ),
    "identity": _with_length(GOOD, "Content-Encoding: identity\r\n"),
    "an encoding of text": _with_length(GOOD, "Content-Encoding: utf-8\r\n"),
    "an encoding in the trailer": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    + b"11\r\n%b\r\n0\r\nContent-Encoding: gzip\r\n\r\n" % GOOD,
}


@pytest.mark.parametrize("name", BODIES)
def test_an_answer_is_read_however_it_is_framed(name: str) -> None:
    server = _Server(BODIES[name])
    assert _ask(server, 2) == [Answer(200, GOOD)] * 2
    assert server.connections == 1


@pytest.mark.parametrize("head", ["1.0 200 OK", "1.1 200 OK\r\nTransfer-Encoding: identity"])
def test_an_answer_without_a_length_ends_with_the_connection(head: str) -> None:
    server = _Server(f"HTTP/{head}\r\n\r\n".encode() + GOOD, closes=True)
    assert _ask(server, 2) == [Answer(200, GOOD)] * 2


def test_a_second_answer_to_a_request_is_dropped_with_the_connection() -> None:
    server = _Server(_with_length(GOOD) + _with_length(b"{}", "Content-Encoding: br\r\n", "500 No"))
    assert _ask(server, 2) == [Answer(200, GOOD)] * 2
    assert server.connections == 2


BROKEN = {
    "closed in the head": (b"HTTP/1.1 200 OK\r\nConte", "call.cut_off"),
    "closed in the body": (_with_length(GOOD)[:-3], "call.cut_off"),
    "closed in a chunk": (BODIES["chunked"][:-9], "call.cut_off"),
    "more than its length": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{} {}", "call.not_http"),
    "an endless head": (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000, "call.not_http"),
    "another protocol": (b"220 mail.example.com ESMTP\r\n", "call.not_http"),
    "an upgrade": (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        "call.not_http",
    ),
    "broken gzip": (_with_length(GOOD, "Content-Encoding: gzip\r\n"), "call.not_http"),
    "a bomb": (
        _with_length(gzip.compress(b" " * 50_000_000), "Content-Encoding: gzip\r\n"),
        "call.too_large",
    ),
    "too large": (_with_length(b'{"x": "' + b"x" * LARGEST_ANSWER), "call.too_large"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_an_unusable_answer_is_an_error_with_its_reason(name: str) -> None:
    sent, code = BROKEN[name]
    with pytest.raises(AnswerError) as raised:
        _ask(_Server(sent, closes=True))
    assert raised.value.reason.code == code


def test_of_a_body_that_is_no_json_only_the_beginning_is_read() -> None:
    ((status, body),) = _ask(_Server(_with_length(b"<html>" + b"x" * 3_000_000)))
    assert status == 200
    assert body.startswith(b"<html>")
    assert len(body) < 1_000_000


@pytest.mark.parametrize(
    ("sent", "body"),
    [
        (_with_length(b"oops", status="500 Oops"), b"oops"),
        (b"HTTP/1.1 500 Oops\r\nContent-Length: 99\r\n\r\nlate", b""),  # never complete
        (_with_length(b"x" * 100_000, status="503 No"), b""),
        (_with_length(b"", status="302 Found"), b""),
        (b"HTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked\r\n\r\nno chunk\r\n", b""),
        (_with_length(b"oops", "Content-Encoding: gzip\r\n", "500 Oops"), b""),
    ],
)
def test_the_explanation_of_a_failing_status_may_be_late_or_large(sent: bytes, body: bytes) -> None:
    begun = time.monotonic()
    ((status, explanation),) = _ask(_Server(sent), timeout_sec=30)
    assert (status >= 300, explanation) == (True, body)
    assert time.monotonic() - begun < 10


def test_failing_status_counts_though_its_explanation_is_cut_off() -> None:
    sent = b"HTTP/1.1 500 Oops\r\nContent-Length: 99\r\n\r\ncut"
    assert _ask(_Server(sent, closes=True)) == [Answer(500, b"")]


def test_connections_are_spread_over_the_addresses_of_a_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def resolve(_self: object, host: str, port: int, _family: int) -> list[dict[str, Any]]:
        addresses = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
        return [{"host": each, "port": port, "family": socket.AF_INET} for each in addresses]

    monkeypatch.setattr("aiohttp.DefaultResolver.resolve", resolve)
    reached: list[str] = []

    def note(address: Any) -> socket.socket:
        reached.append(address[4][0])
        return _open_socket(address)

    async def run() -> None:
        server = _Server(_with_length(GOOD, "Connection: close\r\n"), closes=True)
        listening = await asyncio.start_server(lambda r, w: server.serve(r, w), "0.0.0.0", 0)
        client = PlainClient(note)
        port = listening.sockets[0].getsockname()[1]
        for _ in range(6):
            await _post(client, f"http://detector.test:{port}/")
        client.close()
        listening.close()

    asyncio.run(run())
    assert sorted(reached) == ["127.0.0.1", "127.0.0.1", *["127.0.0.2"] * 2, *["127.0.0.3"] * 2]


def test_kept_connection_that_the_service_closes_is_not_used_again() -> None:
    """The end of the connection is known an iteration of the loop before the connection is lost."""

    async def run() -> None:
        server = _Server(_with_length(GOOD), closes=True)
        async with _client(server) as client:
            for _ in range(50):
                assert await _post(client, server.url) == Answer(200, GOOD)
                await asyncio.sleep(0)

    uvloop.run(run())


class _ClosingServer(_Server):
    """Answers the first request of a connection, and closes some time after a second comes."""

    def __init__(self, after_sec: float = 0.0, *, ends: bool = False, begins: bytes = b"") -> None:
        """`begins`: what it sends as the answer to the second request; `ends`: listens no more."""
        super().__init__(_with_length(GOOD))
        self._after_sec, self._ends, self._begins = after_sec, ends, begins

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.requests.append(await _request(reader))
        writer.write(self.sent)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            self.requests.append(await _request(reader))
            writer.write(self._begins)
            if self._ends:
                self.end()
            await asyncio.sleep(self._after_sec)
        await _close(writer)

    def answers_to_two(self, idle_sec: float) -> list[Answer]:
        """The answers to two requests, with a pause between them."""

        async def run() -> list[Answer]:
            async with _client(self) as client:
                first = await _post(client, self.url)
                await asyncio.sleep(idle_sec)
                return [first, await _post(client, self.url)]

        return asyncio.run(run())


def test_request_that_met_a_closing_idle_connection_is_sent_again() -> None:
    server = _ClosingServer()
    assert [answer.body for answer in server.answers_to_two(0.6)] == [GOOD, GOOD]
    assert (server.connections, len(server.requests)) == (2, 3)


@pytest.mark.parametrize(
    ("idle_sec", "after_sec", "begins"),
    [(0.0, 0.0, b""), (0.6, 0.3, b""), (0.6, 0.0, b"HTTP/1.1 200 OK\r\n")],
)
def test_request_that_may_have_been_read_is_not_sent_again(
    idle_sec: float, after_sec: float, begins: bytes
) -> None:
    server = _ClosingServer(after_sec, begins=begins)
    with pytest.raises(AnswerError):
        server.answers_to_two(idle_sec)
    assert (server.connections, len(server.requests)) == (1, 2)


def test_request_that_ended_the_service_is_a_broken_call_not_an_absent_service() -> None:
    with pytest.raises(AnswerError):
        _ClosingServer(ends=True).answers_to_two(0.6)


def test_no_answer_in_time_is_a_timeout_and_frees_the_connection() -> None:
    async def run() -> None:
        gone = asyncio.Event()

        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await _request(reader)
            await reader.read()
            await _close(writer)
            gone.set()

        server = _Server(b"")
        server.serve = silent  # type: ignore[method-assign]
        async with _client(server) as client:
            with pytest.raises(TimeoutError):
                await _post(client, server.url, 0.2)
            await asyncio.wait_for(gone.wait(), 5)

    asyncio.run(run())


def test_a_cancelled_call_closes_its_connection() -> None:
    async def run() -> None:
        gone, asked = asyncio.Event(), asyncio.Event()

        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await _request(reader)
            asked.set()
            await reader.read()
            await _close(writer)
            gone.set()

        server = _Server(b"")
        server.serve = silent  # type: ignore[method-assign]
        async with _client(server) as client:
            call = asyncio.create_task(_post(client, server.url))
            await asyncio.wait_for(asked.wait(), 5)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            await asyncio.wait_for(gone.wait(), 5)

    asyncio.run(run())


def test_a_closed_port_and_an_unknown_name_are_not_connected() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    async def run(url: str) -> None:
        await _post(PlainClient(_open_socket), url)

    for url in (f"http://127.0.0.1:{port}/", "http://no-such-host.invalid/"):
        with pytest.raises(NotConnectedError):
            asyncio.run(run(url))


def test_a_service_that_accepts_nothing_is_not_accepted() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        port = server.getsockname()[1]
        waiting = [socket.socket() for _ in range(8)]  # fill the queue of the kernel
        for filler in waiting:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))

        async def run() -> None:
            to = target(f"http://127.0.0.1:{port}/")
            assert to is not None
            await PlainClient(_open_socket).post(to, b"", {}, 30.0, 0.3)

        with pytest.raises(NotAcceptedError):
            asyncio.run(run())
        for filler in waiting:
            filler.close()


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/infer",
        "http://user:password@127.0.0.1/infer",
        "http://127.0.0.1/推理",
        "http://识别.example/",
        "http://127.0.0.1:0/",
        "http://127.0.0.1:70000/",
        "http://127.0.0.1/a b",
        "http://127.0.0.1/\r\nX-Evil: 1",
        "http://127.0.0.1/#part",
        "http://127.0.0.1/a/../b",
        "http://127.0.0.1/a/.",
        "http:///infer",
    ],
)
def test_a_url_that_needs_more_has_no_plain_target(url: str) -> None:
    assert target(url) is None


def test_a_target_names_host_port_and_path() -> None:
    plain, bare = target("http://detector:8000/a/b?c=d"), target("http://[::1]")
    assert plain is not None
    assert bare is not None
    assert (plain.host, plain.port) == ("detector", 8000)
    assert plain.head.startswith(b"POST /a/b?c=d HTTP/1.1\r\nHost: detector:8000\r\n")
    assert (bare.host, bare.port) == ("::1", 80)
    assert bare.head.startswith(b"POST / HTTP/1.1\r\nHost: [::1]\r\n")
