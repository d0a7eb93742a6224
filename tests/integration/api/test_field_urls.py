"""URLs as operators' documents and field clients write them: raw UTF-8, a slash at the end."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

import pytest

from easyai.api.protocol import encode_target
from easyai.db import alerts
from easyai.runtime import Runtime
from tests.integration.api.live import ALERTS, ANALYSIS, LiveApi, error_of

TYPE = "人数统计"
PACE = {"heartbeat_interval_sec": 30.0}  # a field beyond the contract's answer
CURL = f"{ALERTS}?task_type={TYPE}"  # the documented curl command
ENDPOINT = "http://192.168.1.20:7901/infer/"


@pytest.fixture
def filled(sqlite_api: LiveApi, sqlite_runtime: Runtime) -> LiveApi:
    """The API with an alert of each of two types, and a service of the first type."""
    rows = [_alert(task_type) for task_type in (TYPE, "人脸检测")]
    with sqlite_runtime.db.write() as conn:
        alerts.add(conn, rows, for_bus=False)
    body = {"service_id": "计数/1", "task_types": [TYPE], "endpoint": ENDPOINT}
    sqlite_api.post(f"{ANALYSIS}/register", body)
    return sqlite_api


def _alert(task_type: str) -> dict[str, Any]:
    return {
        "frame_id": None,
        "task_id": "门口2",
        "task_type": task_type,
        "image_path": "",
        "algorithm_id": "yolo_1",
        "algorithm_name": "人头检测",
        "result": "{}",
        "confidence": 0.9,
        "detection_count": 1,
        "inference_time_ms": 45.2,
        "now": time.time(),
    }


def _types(body: bytes) -> list[str]:
    return [item["task_type"] for item in json.loads(body)["items"]]


def _request(target: str, method: str = "GET", body: bytes = b"") -> bytes:
    head = f"{method} {target} HTTP/1.1\r\nHost: t\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def test_raw_utf8_in_a_query_means_the_same_as_percent_encoded(filled: LiveApi) -> None:
    raw = filled.raw_get(CURL)
    encoded = filled.raw_get(f"{ALERTS}?task_type={quote(TYPE)}")

    assert raw[0] == 200
    assert _types(raw[2]) == [TYPE]
    assert raw[2] == encoded[2]


def test_raw_utf8_in_a_path_means_the_same_as_percent_encoded(filled: LiveApi) -> None:
    status, _, body = filled.raw_get(f"{ANALYSIS}/services/stats/{TYPE}")

    assert (status, json.loads(body)["total"]) == (200, 1)
    assert filled.raw_get(f"{ANALYSIS}/heartbeat/计数/1", "POST")[0] == 200
    assert filled.raw_get("/没有")[0] == 404


def test_raw_utf8_is_understood_when_it_arrives_byte_by_byte(filled: LiveApi) -> None:
    request = _request(CURL)
    with socket.create_connection(("127.0.0.1", filled.port), timeout=15) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for number in range(len(request)):
            connection.sendall(request[number : number + 1])
            time.sleep(0.001)  # or the kernel would join the bytes
        with connection.makefile("rb") as answer:
            head = answer.readline()
    assert head.split()[1] == b"200"


def _read_json(stream: BinaryIO) -> Any:
    length = 0
    while line := stream.readline().strip():
        if line.lower().startswith(b"content-length:"):
            length = int(line.split()[1])
    return json.loads(stream.read(length))


def test_utf8_in_bodies_and_headers_is_not_encoded(filled: LiveApi) -> None:
    service = {"service_id": "新", "task_types": ["车辆"], "endpoint": "http://h/"}
    body = json.dumps(service, ensure_ascii=False).encode()
    register = _request(f"{ANALYSIS}/register", "POST", body)
    named = register.replace(b"Host: t", "Host: t\r\nX-Name: 门口".encode())
    cut = len(named) - len(body) + 1
    answers = []
    with (
        socket.create_connection(("127.0.0.1", filled.port), timeout=15) as connection,
        connection.makefile("rb") as stream,
    ):
        # A single kept-alive connection for all requests; the last body arrives in two pieces.
        for pieces in ([register], [_request(CURL)], [named[:cut], named[cut:]]):
            for piece in pieces:
                connection.sendall(piece)
                time.sleep(0.02)
            answers.append(_read_json(stream))
    assert answers[0] == answers[2] == {"ok": True, "service_id": "新", **PACE}
    assert [item["task_type"] for item in answers[1]["items"]] == [TYPE]
    (listed,) = filled.get(f"{ANALYSIS}/services/stats/车辆")["services"]
    assert listed["service_id"] == "新"


def test_raw_non_utf8_query_is_no_server_error(filled: LiveApi) -> None:
    request = b"GET " + f"{ALERTS}?task_type={TYPE}".encode("gbk") + b" HTTP/1.1\r\nHost: t\r\n\r\n"
    status, _, body = filled.raw(request)
    assert (status, _types(body)) == (200, [])


def test_endless_request_target_is_refused(filled: LiveApi) -> None:
    status, _, body = filled.raw(f"GET /?{'人' * 30_000}".encode())
    assert status == 400
    assert error_of(body)


@pytest.mark.parametrize(
    ("before", "data", "expected"),
    [
        (b"", "GET /人".encode(), b"GET /%E4%BA%BA"),
        (b"GET /a", "人 HTTP/1.1\r\nX: 人".encode(), "%E4%BA%BA HTTP/1.1\r\nX: 人".encode()),
        (b"GET / HTTP/1.1\r\n", "X: 人\r\n".encode(), "X: 人\r\n".encode()),
        (b"", "取 /人".encode(), "取 /%E4%BA%BA".encode()),
        (b"G", "É".encode(), "É".encode()),
    ],
)
def test_only_bytes_of_the_request_target_are_encoded(
    before: bytes, data: bytes, expected: bytes
) -> None:
    assert encode_target(before, data) == expected


_SLASHED = (
    ("GET", f"{ALERTS}/?task_type={TYPE}", 200),
    ("GET", f"{ALERTS}/1/", 200),
    ("DELETE", f"{ALERTS}/1/", 200),
    ("GET", f"{ALERTS}/task_ids/", 200),
    ("GET", f"{ANALYSIS}/services/", 200),
    ("GET", f"{ANALYSIS}/services//", 200),
    ("GET", f"{ANALYSIS}/services/?state=all", 200),
    ("GET", f"{ANALYSIS}/load_balance/info/", 200),
    ("GET", f"{ANALYSIS}/load_balance/analysis/", 200),
    ("GET", f"{ANALYSIS}/inference_stats/", 200),
    ("POST", f"{ANALYSIS}/inference_stats/reset/", 200),
    ("POST", f"{ANALYSIS}/heartbeat/{quote('计数/1', safe='')}/", 200),
    ("POST", f"{ANALYSIS}/heartbeat/{quote(ENDPOINT, safe='')}", 200),
    ("POST", f"{ANALYSIS}/heartbeat/{quote(ENDPOINT, safe='')}/", 200),
    ("POST", f"{ANALYSIS}/heartbeat/{ENDPOINT}", 200),
    ("POST", f"{ANALYSIS}/heartbeat/nobody/", 400),
    ("DELETE", f"{ANALYSIS}/unregister/{ENDPOINT}", 200),
    ("DELETE", f"{ANALYSIS}/unregister/{quote('计数/2', safe='')}/", 200),
    ("DELETE", f"{ANALYSIS}/unregister/nobody/", 400),
    ("POST", f"{ANALYSIS}/clear_all/", 200),
    ("GET", "/healthz/", 200),
    ("GET", "/docs/", 200),
    ("GET", "/api/v1/nothing/", 404),
    ("GET", "/", 404),
    ("GET", "///", 404),
)


def test_trailing_slash_does_not_change_the_status(filled: LiveApi) -> None:
    second = {"service_id": "计数/2", "task_types": [TYPE], "endpoint": "http://h/2"}
    filled.post(f"{ANALYSIS}/register", second)
    for method, path, status in _SLASHED:
        got, headers, body = filled.raw_get(path, method)
        assert got == status, (method, path, body)
        assert "location" not in headers  # not every client follows redirects
        if status >= 400:
            assert error_of(body)


def test_trailing_slash_does_not_change_the_answer(filled: LiveApi) -> None:
    for path in (CURL, f"{ANALYSIS}/services/stats/{TYPE}"):
        bare, _, query = path.partition("?")
        assert filled.get(f"{bare}/?{query}") == filled.get(path)
    body = {"service_id": "b", "task_types": [TYPE], "endpoint": "http://h/b"}
    registered = {"ok": True, "service_id": "b", **PACE}
    assert filled.post(f"{ANALYSIS}/register/", body) == registered
    assert filled.post(f"{ALERTS}/batch_delete/", {"ids": [1, 2, 3]})["deleted_count"] == 2


def test_picture_link_works_with_a_trailing_slash(
    sqlite_api: LiveApi, sqlite_runtime: Runtime, folder: Path
) -> None:
    (folder / "a.jpg").write_bytes(b"\xff\xd8 a picture")
    link = sqlite_runtime.store.url("a.jpg", 60).partition("/api/v1/")[2]
    path, _, query = link.partition("?")
    assert sqlite_api.raw_get(f"/api/v1/{path}/?{query}")[0] == 200
