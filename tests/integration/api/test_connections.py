"""Silent and slow connections are closed; other clients are answered meanwhile."""

from __future__ import annotations

import contextlib
import gc
import resource
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.client import HTTPResponse
from pathlib import Path

import pytest
import requests

from easyai.api.connections import ConnectionLimits, TimeOuts, most_connections
from easyai.api.server import create_app
from easyai.db import migrate
from easyai.runtime import Runtime
from tests.integration.api.live import ANALYSIS, LiveApi, error_of
from tests.support.part_process import PartProcess, easyai_command
from tests.support.ports import HeldPort
from tests.support.waiting import wait_until

SHORT = TimeOuts(head=0.5, body=0.5, send=0.5, idle=0.5)
BODY_HEAD = f"POST {ANALYSIS}/register HTTP/1.1\r\nHost: t\r\nContent-Length: 100\r\n\r\n".encode()
HEAD = b"GET /healthz HTTP/1.1\r\nHost: t\r\n\r\n"

OpenApi = Callable[[ConnectionLimits], LiveApi]


@pytest.fixture
def open_api(sqlite_runtime: Runtime) -> Iterator[OpenApi]:
    """Opens an API whose connections share limits."""
    with ExitStack() as stack:
        yield lambda limits: stack.enter_context(LiveApi(create_app(sqlite_runtime), limits))


def _connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=15)


def _rest(connection: socket.socket) -> bytes:
    """All bytes that arrive until the server closes the connection."""
    received = b""
    with contextlib.suppress(ConnectionError):
        while piece := connection.recv(65536):
            received += piece
    return received


def test_silent_connection_is_closed_after_the_time_limit(open_api: OpenApi) -> None:
    with _connect(open_api(ConnectionLimits(100, SHORT)).port) as silent:
        assert _rest(silent) == b""


@pytest.mark.parametrize(
    ("sent", "part"),
    [(b"GET /heal", "head"), (BODY_HEAD, "body"), (BODY_HEAD + b"{", "body")],
)
def test_incomplete_request_is_answered_with_408_and_closed(
    open_api: OpenApi, sent: bytes, part: str
) -> None:
    with _connect(open_api(ConnectionLimits(100, SHORT)).port) as slow:
        slow.sendall(sent)
        head, _, body = _rest(slow).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 408 ")
    assert error_of(body) == f"the {part} of the request did not arrive within 0.5 s; send it again"


@pytest.mark.parametrize("begin", [b"GET /", BODY_HEAD, HEAD + b"GET /"])
def test_slow_bytes_do_not_extend_the_time_limit_of_a_request(
    open_api: OpenApi, begin: bytes
) -> None:
    with _connect(open_api(ConnectionLimits(100, SHORT)).port) as slow:
        slow.sendall(begin)
        slow.settimeout(0.1)

        def ended() -> bool:
            try:
                slow.sendall(b"x")
                return not slow.recv(4096)
            except TimeoutError:
                return False
            except ConnectionError:
                return True

        wait_until(ended, 5, "the server closes")


def test_connection_of_a_client_that_does_not_read_is_closed(
    open_api: OpenApi, sqlite_runtime: Runtime, folder: Path
) -> None:
    size = 16_000_000  # more than the kernel's buffers
    (folder / "t" / "c").mkdir(parents=True)
    (folder / "t" / "c" / "big.jpg").write_bytes(b"x" * size)
    link = sqlite_runtime.store.url("t/c/big.jpg", 3600)
    api = open_api(ConnectionLimits(100, SHORT))
    request = f"GET {link[link.index('/api/v1/') :]} HTTP/1.1\r\nHost: t\r\n\r\n".encode()

    with socket.socket() as deaf, _connect(api.port) as reader:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        deaf.connect(("127.0.0.1", api.port))
        deaf.sendall(request)
        reader.sendall(request)
        read = 0
        while read < size:  # the whole read is slower than the limit, each part is faster
            read += len(reader.recv(200_000))
            time.sleep(0.01)
        assert len(_rest(deaf)) < size
    gc.collect()  # an open picture would be a warning


def test_kept_alive_connection_stays_open_between_requests(open_api: OpenApi) -> None:
    api = open_api(ConnectionLimits(100, TimeOuts(head=0.3, body=0.3)))
    with _connect(api.port) as kept:
        for _ in range(3):
            kept.sendall(HEAD)
            answer = HTTPResponse(kept)
            answer.begin()
            assert (answer.status, answer.read()) == (200, b'{"status":"ok"}')
            time.sleep(0.5)


@pytest.mark.parametrize("kind", ["half a body", "kept after an answer", "an unread answer"])
def test_full_connection_limit_frees_a_place_for_a_new_client(
    open_api: OpenApi, sqlite_runtime: Runtime, folder: Path, kind: str
) -> None:
    (folder / "t" / "c").mkdir(parents=True)
    (folder / "t" / "c" / "big.jpg").write_bytes(b"x" * 16_000_000)
    link = sqlite_runtime.store.url("t/c/big.jpg", 3600)
    unread = f"GET {link[link.index('/api/v1/') :]} HTTP/1.1\r\nHost: t\r\n\r\n".encode()
    sent = {"half a body": BODY_HEAD, "kept after an answer": HEAD, "an unread answer": unread}[
        kind
    ]
    api = open_api(ConnectionLimits(5, TimeOuts(head=60, body=60, send=60)))
    with ExitStack() as stack:
        holders = [stack.enter_context(_connect(api.port)) for _ in range(5)]
        for holder in holders:
            holder.sendall(sent)
        if kind != "half a body":
            assert all(holder.recv(12) == b"HTTP/1.1 200" for holder in holders)
        time.sleep(1.1)  # every connection has used up its minimum time
        for _ in range(3):
            with _connect(api.port) as new:
                new.sendall(HEAD)
                assert new.recv(12) == b"HTTP/1.1 200"
    gc.collect()  # an open picture would be a warning


def test_full_connection_limit_answers_503_and_logs_the_busiest_address(
    open_api: OpenApi, caplog: pytest.LogCaptureFixture
) -> None:
    api = open_api(ConnectionLimits(20))
    with ExitStack() as stack:
        silent = [stack.enter_context(_connect(api.port)) for _ in range(20)]
        refused = [stack.enter_context(_connect(api.port)) for _ in range(5)]
        for connection in refused:
            head, _, body = _rest(connection).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 503 ")
            assert error_of(body) == "too many connections; try again in a moment"

        time.sleep(1.1)  # every connection has used up its minimum time to send a request
        assert api.call("GET", "/healthz").status_code == 200
        assert silent[0].recv(1) == b""

    lines = [
        record.message for record in caplog.records if "connections of the API" in record.message
    ]
    taken = "all 20 connections of the API are taken: a new connection is refused"
    assert lines == [f"{taken}; most are from 127.0.0.1 (21)"]


@pytest.mark.parametrize(
    ("files", "most"), [(256, 192), (1024, 768), (20_000, 8192), (1_048_576, 8192), (64, 1)]
)
def test_connection_limit_leaves_file_descriptors_free(files: int, most: int) -> None:
    assert most_connections(files) == most


def test_silent_connections_do_not_block_an_honest_client(tmp_path: Path) -> None:
    held = HeldPort()
    url, soft, hard = f"http://127.0.0.1:{held.number}", 64, 256
    environment = {
        "EASYAI_DATA_DIR": str(tmp_path),
        "EASYAI_DATABASE_URL": f"sqlite:///{tmp_path / 'easyai.db'}",
        "EASYAI_PORT": str(held.number),
    }
    migrate.upgrade(environment["EASYAI_DATABASE_URL"])
    limited = f'ulimit -S -n {soft} && ulimit -H -n {hard} && exec "$@"'
    command = ["bash", "-c", limited, "bash", *easyai_command("api")]
    with PartProcess(command, environment, lambda _: _healthy(url)) as api, ExitStack() as stack:
        assert isinstance(api, PartProcess)
        assert resource.prlimit(api.pid or 0, resource.RLIMIT_NOFILE) == (hard, hard)
        for _ in range(2 * hard):
            stack.enter_context(_connect(held.number))

        wait_until(lambda: _healthy(url), 5, "an honest client is answered")

        assert "all 192 connections of the API are taken" in api.all_output()
        assert "most are from 127.0.0.1" in api.all_output()
    held.release()


def _healthy(url: str) -> bool:
    try:
        return requests.get(f"{url}/healthz", timeout=2).ok
    except requests.RequestException:
        return False
