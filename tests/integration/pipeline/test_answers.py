"""No answer of a service loses a frame or delays another frame."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from easyai.domain import breaker
from tests.support.algorithm_stub import AlgorithmStub, Frame, detections
from tests.support.site import TYPE, Installation
from tests.support.waiting import wait_until

KEY = f"{TYPE}/门口1/1.jpg"

BROKEN: dict[str, Any] = {
    "status 500": (500, {"success": True, "result": {"count": 1}}),
    "status 404": (404, b"404 page not found"),
    "status 204": (204, b""),
    "HTML": (200, b"<html><body>Bad Gateway</body></html>"),
    "an empty body": (200, b""),
    "a list": (200, b"[]"),
    "no success": (200, b"{}"),
    "success as text": (200, b'{"success": "true", "result": {"count": 1}}'),
    "cut in the middle": (200, b'{"success": true, "result": {"cou'),
    "NaN": (200, b'{"success": true, "result": {"count": 1}, "confidence": NaN}'),
    "not UTF-8": (200, b'{"success": true, "result": {"a": "\xff\xfe"}}'),
    "nested without end": (200, b'{"success": true, "result": ' + b"[" * 100_000),
    "a number of 10,000 digits": (
        200,
        b'{"success": true, "result": {"n": ' + b"9" * 10_000 + b"}}",
    ),
    "10 MB": (200, b'{"success": true, "result": {"count": 1, "x": "' + b"x" * 10**7 + b'"}}'),
    "a cut connection": None,
}

ODD: dict[str, tuple[str, Any]] = {
    "half a surrogate pair": ('{"count": 1, "text": "\\ud800"}', {"count": 1, "text": "\ud800"}),
    "NUL": ('{"count": 1, "text": "a\\u0000b"}', {"count": 1, "text": "a\0b"}),
    "a huge number": (f'{{"count": {10**40}}}', {"count": 10**40}),
    "a huge negative number": ('{"count": -1e300, "num": 3}', {"count": -1e300, "num": 3}),
    "many huge lines": (
        json.dumps({"line_crossing": {str(n): {"count": 2**62} for n in range(3)}}),
        {"line_crossing": {str(n): {"count": 2**62} for n in range(3)}},
    ),
    "an infinite number": ('{"count": 1, "n": [1e999]}', {"count": 1, "n": [None]}),
    "a text": ('"found nothing"', "found nothing"),
    "null": ("null", {}),
    "Chinese": ('{"count": 1, "标签": "人"}', {"count": 1, "标签": "人"}),
}


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breaker, "FIRST_PAUSE_SEC", 0.2)
    monkeypatch.setattr(breaker, "LONGEST_PAUSE_SEC", 0.2)


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("name", BROKEN)
def test_broken_answer_is_recorded_as_reason_and_the_frame_is_retried(
    site: Installation, algorithm: AlgorithmStub, name: str
) -> None:
    algorithm.answer = lambda frame: BROKEN[name] if algorithm.count == 1 else detections(1)
    pk = site.register(algorithm)
    site.put(KEY)
    site.scan()
    loop = site.loop()
    loop.pump(TYPE, 0.2)
    wait_until(lambda: site.frame(KEY)["tries"] == 1, 10, "the call is settled")
    assert site.frame(KEY)["reason"]
    assert site.frame(KEY)["attempts"] == 0
    assert site.service(pk)["breaker_failures"] == 1
    site.work(loop)
    assert (len(site.alerts()), site.service(pk)["breaker_failures"]) == (1, 0)


@pytest.mark.parametrize("name", ODD)
def test_unusual_result_reaches_its_alert_as_json(
    site: Installation, algorithm: AlgorithmStub, name: str
) -> None:
    text, value = ODD[name]
    site.configure(save_only_with_detection=False)
    body = (
        f'{{"success": true, "result": {text}, "inference_time_ms": 12, "confidence": {10**400}}}'
    )
    algorithm.answer = lambda frame: (200, body.encode())
    site.register(algorithm)
    site.put(KEY)
    site.work(site.loop())
    (alert,) = site.alerts()
    assert json.loads(alert["result"]) == value
    assert 0 <= alert["detection_count"] < 2**31
    assert (alert["inference_time_ms"], alert["confidence"]) == (12.0, 0.0)


def test_refusal_with_invalid_characters_is_stored_as_text(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    site.configure(max_attempts=1)
    body = b'{"success": false, "error": "a\\u0000b\\ud800c' + b"x" * 5000 + b'"}'
    algorithm.answer = lambda frame: (200, body)
    site.register(algorithm)
    site.put(KEY)
    site.work(site.loop())
    (frame,) = site.frames()
    assert frame["state"] == "failed"
    assert frame["reason"].startswith("a\ufffdb?c")
    assert len(frame["reason"]) < 600


@pytest.fixture
def babbler() -> Iterator[int]:
    """The port of a server that answers with invalid HTTP."""
    server = socket.create_server(("127.0.0.1", 0))

    def babble() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                connection.sendall(
                    b"HTTP/1.1 200 \xff\xfe\x00\x80\r\n\xed\xa0\x80: \x00\xff\r\n\r\n"
                )

    thread = threading.Thread(target=babble)
    thread.start()
    yield server.getsockname()[1]
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join(10)


def test_invalid_http_is_a_broken_answer(site: Installation, babbler: int) -> None:
    site.register(AlgorithmStub(port=babbler))
    site.put(KEY)
    site.scan()
    loop = site.loop()
    loop.pump(TYPE, 0.5)
    wait_until(lambda: site.frame(KEY)["tries"] > 0, 10, "the call is settled")
    reason = site.frame(KEY)["reason"]
    assert "internal error" not in reason
    assert "\0" not in reason


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
def test_request_has_exactly_the_fields_of_the_contract(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    site.register(algorithm)
    site.put(KEY)
    site.work(site.loop())
    (received,) = algorithm.received
    names = {"image_url", "task_id", "task_type", "image_path", "algo_config", "algo_config_url"}
    assert set(received.frame) == names
    assert (received.frame["task_type"], received.frame["task_id"]) == (TYPE, "门口1")
    assert received.frame["image_path"] == KEY
    assert received.frame["image_url"].startswith(f"{site.public_url}/api/v1/files/")
    assert (received.frame["algo_config"], received.frame["algo_config_url"]) == ({}, "")


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
def test_slow_frame_does_not_delay_other_frames(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    def seconds(frame: Frame) -> float:
        return 3.0 if frame["image_path"].endswith("/00000.jpg") else 0.0

    algorithm.delay = seconds
    site.configure(max_concurrent_infer=4)
    site.register(algorithm)
    site.put_many(60)
    site.scan()
    report = site.loop().pump(TYPE, 2.0)
    assert (report.frames, report.finished) == (60, 59)
