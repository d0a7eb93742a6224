"""Every error is answered with ``{"error": "..."}`` and the server keeps running."""

from __future__ import annotations

import contextlib
import json
import select
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from easyai.api.server import create_app
from easyai.db import migrate
from easyai.runtime import Runtime
from tests.integration.api.conftest import OpenRuntime
from tests.integration.api.live import ALERTS, ANALYSIS, LiveApi, error_of
from tests.support.services import PostgresServer
from tests.support.waiting import wait_until

REGISTER = f"{ANALYSIS}/register"


def test_unknown_paths_and_methods_get_errors_in_the_same_form(sqlite_api: LiveApi) -> None:
    assert sqlite_api.error(404, "GET", "/")
    assert sqlite_api.error(404, "GET", "/api/v1/没有")
    assert sqlite_api.error(404, "POST", f"{REGISTER}/more")
    response = sqlite_api.call("PUT", REGISTER)
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"
    assert list(response.json()) == ["error"]
    assert sqlite_api.call("PATCH", f"{ALERTS}/1").headers["allow"] == "DELETE, GET"
    assert sqlite_api.call("PUT", f"{ALERTS}/task_ids").headers["allow"] == "GET"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", f"{ALERTS}/batch_delete", "POST"),
        ("DELETE", f"{ALERTS}/batch_delete/", "POST"),
        ("DELETE", f"{ALERTS}/task_ids", "GET"),
        ("GET", f"{REGISTER}/", "POST"),
        ("GET", f"{ANALYSIS}/clear_all", "POST"),
        ("POST", f"{ANALYSIS}/unregister/a/", "DELETE"),
        ("POST", "/docs", "GET"),
    ],
)
def test_wrong_method_is_a_405_that_names_the_allowed_methods(
    sqlite_api: LiveApi, method: str, path: str, allowed: str
) -> None:
    status, headers, body = sqlite_api.raw_get(path, method)
    assert (status, headers["allow"]) == (405, allowed)
    assert error_of(body) == f"{method} is not possible here, only {allowed}"


def _chunked(pieces: int) -> Iterator[bytes]:
    for _ in range(pieces):
        yield b"x" * 100_000


def test_body_over_the_limit_is_refused_with_and_without_a_length(
    sqlite_api: LiveApi,
) -> None:
    for body in (b"x" * 1_500_000, _chunked(15)):
        assert "1000000 bytes" in sqlite_api.error(413, "POST", REGISTER, data=body)
    assert sqlite_api.get("/healthz") == {"status": "ok"}


def test_endless_body_is_cut_off(sqlite_api: LiveApi) -> None:
    piece = b"186a0\r\n" + b"x" * 100_000 + b"\r\n"
    head = f"POST {REGISTER} HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"
    sent = 0
    with socket.create_connection(("127.0.0.1", sqlite_api.port), timeout=15) as connection:
        connection.sendall(head.encode())
        # Bytes in flight when the server closes may cause a connection reset.
        with contextlib.suppress(ConnectionError):
            while sent < 40_000_000 and not select.select([connection], [], [], 0)[0]:
                connection.sendall(piece)
                sent += len(piece)

    assert 1_000_000 < sent < 40_000_000
    assert sqlite_api.get("/healthz") == {"status": "ok"}


def test_body_just_below_the_limit_is_accepted(sqlite_api: LiveApi) -> None:
    body: dict[str, Any] = {"service_id": "a", "endpoint": "http://h/", "task_types": ["t"]}
    filler = 999_900 - len(json.dumps(body))

    assert sqlite_api.post(REGISTER, body | {"x": "y" * filler})["ok"] is True


def test_unexpected_error_is_logged_and_its_details_are_not_returned(
    sqlite_api: LiveApi,
    sqlite_runtime: Runtime,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail() -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(sqlite_runtime.db, "read", fail)

    error = sqlite_api.error(500, "GET", f"{ANALYSIS}/services")

    assert "secret" not in error
    assert "Traceback" in caplog.text
    assert "secret detail" in caplog.text


def test_calls_return_503_while_the_database_is_down_and_work_afterwards(
    postgres_server: PostgresServer, postgres_url: str, open_on: OpenRuntime
) -> None:
    migrate.upgrade(postgres_url)
    body = {"service_id": "a", "endpoint": "http://h/", "task_types": ["t"]}
    with LiveApi(create_app(open_on(postgres_url))) as api:
        api.post(REGISTER, body)
        postgres_server.stop()
        try:
            for method, path in (
                ("POST", f"{ANALYSIS}/heartbeat/a"),
                ("GET", f"{ANALYSIS}/services"),
                ("GET", ALERTS),
            ):
                assert "database does not answer" in api.error(503, method, path)
            assert "database" in api.error(503, "POST", REGISTER, json=body)
            assert api.get("/healthz") == {"status": "ok"}
            ready = api.call("GET", "/readyz")
            assert ready.status_code == 503
            assert "does not answer" in ready.json()["checks"]["database"]
        finally:
            postgres_server.start()

        def heartbeat_works() -> bool:
            return api.call("POST", f"{ANALYSIS}/heartbeat/a").status_code == 200

        wait_until(heartbeat_works, 20, "heartbeats are taken again")
        assert api.get("/readyz")["status"] == "ready"
