"""The ready line of `easyai up`."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from typing import Any

import pytest

from easyai.supervisor import forked_child, readiness
from easyai.supervisor.readiness import ReadinessWatch, why_not_ready
from tests.support.ports import free_port
from tests.support.waiting import wait_until


class _Server(ThreadingHTTPServer):
    status = 503


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, _Server)
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(b'{"error": "no worker"}')

    def log_message(self, *_: object) -> None:
        """Keep the test's output quiet."""


@pytest.fixture
def server() -> Iterator[_Server]:
    """An API server whose /readyz answers with ``status``."""
    with _Server(("127.0.0.1", 0), _Handler) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield http
        http.shutdown()
        thread.join()


def test_reason_quotes_the_answer_of_the_server(server: _Server) -> None:
    reason = why_not_ready("127.0.0.1", server.server_port)
    assert reason == '/readyz: 503 {"error": "no worker"}'


def test_a_server_that_does_not_listen_is_a_reason() -> None:
    assert "does not answer" in (why_not_ready("127.0.0.1", free_port()) or "")


def test_not_ready_warning_names_the_reason_and_ready_follows_later(
    server: _Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "NOT_READY_AFTER_SEC", 0.2)
    lines: list[str] = []
    watch = ReadinessWatch("127.0.0.1", server.server_port, lines.append)
    watch.start("ready", "not ready, see logs")
    wait_until(lambda: lines, 10, "the warning")
    assert lines == ['not ready, see logs (/readyz: 503 {"error": "no worker"})']
    server.status = 200
    wait_until(lambda: lines[-1] == "ready", 10, "the ready line")
    assert len(lines) == 2


def test_not_ready_while_a_process_has_sent_no_sign_of_life(
    server: _Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "NOT_READY_AFTER_SEC", 0.2)
    server.status = 200
    lines: list[str] = []
    missing = ["worker"]
    watch = ReadinessWatch("127.0.0.1", server.server_port, lines.append, lambda: missing)
    watch.start("ready", "not ready, see logs")
    wait_until(lambda: lines, 10, "the warning")
    assert lines == ["not ready, see logs (no sign of life from worker)"]
    missing.clear()
    wait_until(lambda: lines[-1] == "ready", 10, "the ready line")


def test_no_child_is_forked_while_a_line_is_written(server: _Server) -> None:
    server.status = 200
    lines: list[tuple[str, bool, bool]] = []
    watch = ReadinessWatch(
        "127.0.0.1",
        server.server_port,
        lambda line: lines.append((line, forked_child.no_fork.locked(), watch.has_reported)),
    )
    watch.start("ready", "not ready")
    wait_until(lambda: watch.has_reported, 10, "the ready line")
    assert lines == [("ready", True, False)]


def test_no_child_is_forked_while_a_name_that_was_unknown_is_resolved_again(
    server: _Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.status = 200
    held: list[bool] = []
    resolve = socket.getaddrinfo

    def late(host: str, *arguments: Any, **options: Any) -> Any:
        if host == "localhost":
            held.append(forked_child.no_fork.locked())
            if len(held) < 3:
                raise socket.gaierror(socket.EAI_AGAIN, "no name server")
        return resolve(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", late)
    monkeypatch.setattr(readiness, "NOT_READY_AFTER_SEC", -1.0)
    lines: list[str] = []
    watch = ReadinessWatch("localhost", server.server_port, lines.append)
    watch.start("ready", "not ready")
    wait_until(lambda: "ready" in lines, 10, "the ready line")
    assert lines == ["not ready (the address of localhost is not known)", "ready"]
    assert held == [False, True, True]


def test_no_name_is_resolved_while_children_are_forked(
    server: _Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.status = 200
    lines: list[str] = []
    watch = ReadinessWatch("localhost", server.server_port, lines.append)
    asked: list[str] = []
    resolve = socket.getaddrinfo

    def recorded(host: str, *arguments: Any, **options: Any) -> Any:
        asked.append(host)
        return resolve(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", recorded)
    watch.start("ready", "not ready")
    wait_until(lambda: lines, 10, "the ready line")
    assert asked
    assert all(ip_address(host) for host in asked)
