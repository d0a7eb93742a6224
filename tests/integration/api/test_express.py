"""The express lane answers heartbeats and pictures as their routes do."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from fastapi import FastAPI

from easyai.api import gates
from easyai.api.connections import BoundedProtocol, ConnectionLimits, bounded
from easyai.api.express import ExpressLane
from easyai.api.server import create_app
from easyai.db.session import Database
from easyai.errors import DatabaseUnavailableError
from easyai.runtime import Runtime
from tests.integration.api.live import ANALYSIS, LiveApi, error_of

BEAT = f"{ANALYSIS}/heartbeat/"
ENDPOINT = "http://127.0.0.1:9/infer/"
PICTURE = b"\xff\xd8 a picture"


@pytest.fixture
def lane(sqlite_runtime: Runtime) -> Iterator[LiveApi]:
    """The API with the lane alone: no route answers."""
    app = create_app(sqlite_runtime)
    app.router.routes.clear()
    with LiveApi(app) as live:
        yield live


def _without_lane() -> type[BoundedProtocol]:
    """The protocol of the API's connections, whose app answers heartbeats, too."""

    class Protocol(bounded(ConnectionLimits(1000))):  # type: ignore[misc]
        def _is_for_lane(self, cycle: object) -> bool:
            return False

    return Protocol


@pytest.fixture
def connection(sqlite_runtime: Runtime) -> Iterator[LiveApi]:
    """The API whose connections answer heartbeats, and whose app answers 404 to everything."""
    app = create_app(sqlite_runtime)
    app.router.routes.clear()
    app.user_middleware = [found for found in app.user_middleware if found.cls is not ExpressLane]  # type: ignore[comparison-overlap]
    with LiveApi(app) as live:
        yield live


@pytest.fixture
def routes(sqlite_runtime: Runtime) -> Iterator[LiveApi]:
    """The API without the lane."""
    app: FastAPI = create_app(sqlite_runtime)
    app.user_middleware = [found for found in app.user_middleware if found.cls is not ExpressLane]  # type: ignore[comparison-overlap]
    with LiveApi(app, http=_without_lane()) as live:
        body = {"service_id": "计数/1", "task_types": ["t"], "endpoint": ENDPOINT}
        live.post(f"{ANALYSIS}/register", body)
        live.post(f"{ANALYSIS}/register", body | {"service_id": "yolo", "endpoint": "http://h/"})
        yield live


@pytest.fixture
def link(sqlite_runtime: Runtime, folder: Path) -> str:
    """The target of a picture with a name that must be escaped."""
    (folder / "t").mkdir(parents=True)
    (folder / "t" / "人 1.jpg").write_bytes(PICTURE)
    (folder / "t" / "large.png").write_bytes(PICTURE * 500_000)
    (folder / "t" / "algo_config.json").write_bytes(b"{}")
    return _target(sqlite_runtime, "t/人 1.jpg")


def _target(runtime: Runtime, key: str) -> str:
    url = runtime.store.url(key, 3600)
    return url[url.index("/api/v1/") :]


def _request(method: str, target: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Connection: close", f"Content-Length: {len(body)}"]
    if not any(header.startswith("Host:") for header in headers):
        lines.append("Host: test")
    return "\r\n".join((*lines, *headers, "", "")).encode() + body


def _same(lane: LiveApi, routes: LiveApi, request: bytes) -> tuple[int, bytes]:
    """Status and body of the answer, which is the same of lane and routes."""
    got, wanted = lane.raw(request), routes.raw(request)
    for _, headers, _ in (got, wanted):
        headers.pop("date", None)
    assert got == wanted
    return got[0], got[2]


BEATS = [
    (200, _request("POST", f"{BEAT}yolo")),
    (200, _request("POST", f"{BEAT}yolo/")),
    (200, _request("POST", f"{BEAT}yolo?x=1")),
    (200, _request("POST", f"{BEAT}计数/1")),
    (200, _request("POST", BEAT + quote("计数/1", safe=""))),
    (200, _request("POST", BEAT + quote(ENDPOINT, safe=""))),
    (200, _request("POST", BEAT + ENDPOINT)),
    (400, _request("POST", f"{BEAT}yolo//")),
    (400, _request("POST", BEAT)),
    (400, _request("POST", f"{BEAT}/yolo")),
    (400, _request("POST", f"{BEAT}nobody")),
    (400, _request("POST", f"{BEAT}%00%ff%0a")),
    (400, _request("POST", BEAT + "x" * 3000)),
    (200, _request("POST", f"{BEAT}yolo", b'{"total_requests": 5}')),
    (200, _request("POST", f"{BEAT}yolo", b"\xff{ no JSON [")),
    (200, _request("POST", f"{BEAT}yolo", b"", "Host: service.example.com")),
    (403, _request("POST", f"{BEAT}yolo", b"", "Origin: http://evil.example.com")),
    (403, _request("POST", f"{BEAT}yolo", b"", "Sec-Fetch-Site: cross-site")),
    (413, _request("POST", f"{BEAT}yolo", b"x" * 1_000_001)),
    (200, _request("POST", f"{BEAT}yolo", b"{}", "Expect: 100-continue")),
]


def test_heartbeat_gets_the_same_answer_from_lane_and_route(routes: LiveApi, lane: LiveApi) -> None:
    for status, request in BEATS:
        got, body = _same(lane, routes, request)

        assert got == status, (request, body)
        assert body == b'{"ok":true}' if status == 200 else error_of(body)


def test_connection_answers_known_services_and_app_all_else(
    routes: LiveApi, connection: LiveApi
) -> None:
    for_app = (b"yolo/ ", b"Origin", b"Sec-Fetch", b"Expect", b"x" * 20_000)
    for status, request in BEATS:
        got, _, _ = connection.raw(request)
        if status == 200 and not any(mark in request for mark in for_app):
            assert got == 200, request
        else:
            assert got != 200, request
    assert connection.raw(_request("POST", f"{BEAT}yolo", b" " * 16_384))[0] == 200
    assert connection.raw(_request("POST", f"{BEAT}yolo", b" " * 16_385))[0] == 404


def test_pipelined_heartbeats_are_answered_in_order(routes: LiveApi, lane: LiveApi) -> None:
    kept = _request("POST", f"{BEAT}yolo", b"{}").replace(b"Connection: close\r\n", b"")
    unknown = kept.replace(b"yolo", b"nobody")
    health = kept.replace(b"POST /api/v1/ai_analysis/heartbeat/yolo", b"GET /nowhere")
    last = _request("POST", f"{BEAT}yolo", b"x" * 100)
    with socket.create_connection(("127.0.0.1", lane.port), timeout=15) as client:
        client.sendall(kept + unknown + kept + health + kept + last)
        with client.makefile("rb") as stream:
            answers = stream.read()
    statuses = re.findall(rb"HTTP/1.1 (\d+)", answers)
    assert statuses == [b"200", b"400", b"200", b"404", b"200", b"200"]
    assert answers.count(b"connection: close") == 1


def test_heartbeat_over_http_1_0_ends_the_connection(routes: LiveApi, lane: LiveApi) -> None:
    old = _request("POST", f"{BEAT}yolo").replace(b"HTTP/1.1", b"HTTP/1.0")
    _same(lane, routes, old)


def test_heartbeat_whose_body_comes_in_pieces_is_taken_once_it_is_whole(
    routes: LiveApi, lane: LiveApi, sqlite_runtime: Runtime
) -> None:
    whole = _request("POST", f"{BEAT}yolo", b'{"total_requests": 77}')
    with socket.create_connection(("127.0.0.1", lane.port)) as client:
        client.sendall(whole[:-5])
        time.sleep(0.1)
        client.sendall(whole[-5:])
        assert client.recv(1000).startswith(b"HTTP/1.1 200")
    with sqlite_runtime.db.read() as conn:
        rows = conn.exec_driver_sql("SELECT said_total_requests FROM services")
        assert 77 in rows.scalars().all()


def test_picture_gets_the_same_answer_from_lane_and_route(
    routes: LiveApi,
    lane: LiveApi,
    sqlite_runtime: Runtime,
    link: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = sqlite_runtime.db.estimated_now()
    monkeypatch.setattr(sqlite_runtime.signer, "_clock", lambda: now)  # max-age stays
    path, _, query = link.partition("?")
    config, large = (_target(sqlite_runtime, key) for key in ("t/algo_config.json", "t/large.png"))
    missing = _target(sqlite_runtime, "t/gone.jpg")
    wanted = [
        (200, "GET", link, ()),
        (200, "HEAD", link, ()),
        (200, "GET", f"{path}/?{query}", ()),
        (200, "GET", f"{link}&x=1", ()),
        (200, "GET", f"{path}?expires=1&signature=x&{query}", ()),
        (403, "GET", f"{link}&signature=", ()),
        (403, "GET", path, ()),
        (403, "GET", "/api/v1/files/", ()),
        (200, "GET", config, ()),
        (200, "HEAD", large, ()),
        (200, "GET", large, ()),
        (404, "GET", missing, ()),
        (404, "HEAD", missing, ()),
        (200, "GET", link, ("Origin: http://page.example.com", "Host: page.example.com")),
        (200, "GET", link, ("Sec-Fetch-Site: cross-site",)),
        (200, "GET", config, ("Accept-Encoding: gzip",)),
        (304, "GET", link, ("If-None-Match: *",)),
        (206, "GET", link, ("Range: bytes=2-5",)),
        (416, "GET", link, ("Range: bytes=9999-",)),
    ]
    for status, method, target, headers in wanted:
        got, body = _same(lane, routes, _request(method, target, b"", *headers))
        assert got == status, (target, body[:200])
        if (method, status) == ("GET", 200):
            assert body.startswith((PICTURE, b"{}"))


def test_failure_gets_the_same_answer_from_lane_and_route(
    routes: LiveApi,
    lane: LiveApi,
    sqlite_runtime: Runtime,
    link: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("disk on fire")

    def gone(*_: object, **__: object) -> None:
        raise DatabaseUnavailableError("no database")

    with monkeypatch.context() as patch:
        patch.setattr(sqlite_runtime.store, "open", fail)
        assert _same(lane, routes, _request("GET", link))[0] == 500
    with monkeypatch.context() as patch:
        patch.setattr(Database, "write", gone)
        assert _same(lane, routes, _request("POST", f"{BEAT}yolo"))[0] == 503
    with monkeypatch.context() as patch:
        patch.setitem(gates._MOST_WAITING, gates.PICTURES, 0)
        patch.setattr("asyncio.Semaphore.locked", lambda _: True)
        status, body = _same(lane, routes, _request("GET", link))
        assert status == 503
        assert "ask again" in error_of(body)


def test_lane_leaves_other_calls_to_the_routes(lane: LiveApi, routes: LiveApi) -> None:
    for method, target, status in (
        ("GET", f"{BEAT}yolo", 405),
        ("PUT", "/api/v1/files/x", 405),
        ("POST", f"{ANALYSIS}/heartbeat", 404),
        ("GET", "/api/v1/files", 404),
    ):
        assert lane.raw_get(target, method)[0] == 404
        assert routes.raw_get(target, method)[0] == status
