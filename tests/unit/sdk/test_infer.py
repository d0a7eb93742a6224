"""POST /infer and GET /health of a service, over HTTP."""

import http.client
import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import pytest
import requests

from easyai.sdk import Detection, Picture, PictureError, Service, UnavailableError
from easyai.sdk.check.picture_host import PictureHost
from easyai.sdk.check.sample import SAMPLE_JPEG
from easyai.sdk.detection import Answer, DetectFunction
from tests.support.ports import free_port
from tests.support.waiting import wait_until
from tests.unit.sdk.http_stub import HttpStub


@pytest.fixture
def pictures() -> Iterator[PictureHost]:
    """A picture server with signed URLs."""
    with PictureHost(SAMPLE_JPEG) as host:
        yield host


def service(detect: DetectFunction, **options: Any) -> Service:
    """A service that does not register."""
    return Service(detect, service_id="demo", task_types=["人数统计"], server=None, **options)


def one_person(picture: Picture) -> list[Detection]:
    """Finds a person everywhere."""
    return [Detection((0, 0, 10, 20), "person", 0.9)]


def ask(endpoint: str, url: str, **changes: Any) -> requests.Response:
    """Post a frame."""
    body = {"image_url": url, "task_type": "人数统计", "task_id": "门口2", **changes}
    return requests.post(endpoint, json=body, timeout=10)


def test_function_gets_the_picture_and_its_result_is_the_answer(pictures: PictureHost) -> None:
    seen: list[Picture] = []

    def detect(picture: Picture) -> Answer:
        seen.append(picture)
        return one_person(picture)

    with service(detect) as running:
        path = "人数统计/门口2/a.jpg"
        config: dict[str, Any] = {"regions": []}
        url = pictures.url("good", path)
        answer = ask(running.endpoint, url, image_path=path, algo_config=config, later_key=1)
    expected = Picture(SAMPLE_JPEG, "人数统计", "门口2", path, config)
    assert seen == [expected]
    data = answer.json()
    assert answer.status_code == 200
    assert data.pop("inference_time_ms") >= 0
    assert data == {
        "success": True,
        "result": {
            "total_count": 1,
            "detections": [
                {"bbox": [0, 0, 10, 20], "class_name": "person", "confidence": 0.9},
            ],
        },
        "confidence": 0.9,
    }


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (PictureError("too dark"), 200, "too dark"),
        (UnavailableError("GPU lost"), 503, "GPU lost"),
        (KeyError("weights"), 200, "KeyError: 'weights'"),
    ],
)
def test_exception_fails_its_frame_and_the_service_goes_on(
    pictures: PictureHost, error: Exception, status: int, text: str
) -> None:
    errors: list[Exception | None] = [error, None]

    def detect(picture: Picture) -> Answer:
        if (raised := errors.pop(0)) is not None:
            raise raised
        return []

    with service(detect) as running:
        first = ask(running.endpoint, pictures.url("good", "a.jpg"))
        second = ask(running.endpoint, pictures.url("good", "a.jpg"))
    assert (first.status_code, first.json()) == (status, {"success": False, "error": text})
    assert second.json()["success"] is True


def test_an_unexpected_exception_is_logged_with_its_traceback(
    pictures: PictureHost, caplog: pytest.LogCaptureFixture
) -> None:
    def detect(picture: Picture) -> Answer:
        raise KeyError("weights")

    with service(detect) as running:
        ask(running.endpoint, pictures.url("good", "a.jpg"), image_path="x/y/a.jpg")
    (record,) = [each for each in caplog.records if each.exc_info]
    assert "x/y/a.jpg" in record.getMessage()
    assert "KeyError: 'weights'" in caplog.text


@pytest.mark.parametrize("kind", ["missing", "broken"])
def test_a_picture_that_is_gone_or_broken_fails_the_frame(pictures: PictureHost, kind: str) -> None:
    with service(one_person) as running:
        answer = ask(running.endpoint, pictures.url(kind, "a.jpg"))
    assert answer.status_code == 200
    assert answer.json()["success"] is False


def test_a_picture_store_that_is_silent_or_failing_is_not_the_frames_fault() -> None:
    with service(one_person) as running, HttpStub(lambda call: (500, b"")) as store:
        refused = ask(running.endpoint, f"http://127.0.0.1:{free_port()}/a.jpg")
        failing = ask(running.endpoint, f"{store.url}/a.jpg")
    assert (refused.status_code, failing.status_code) == (503, 503)
    assert refused.json()["success"] is False


@contextmanager
def raw_store(pieces: Callable[[], Iterator[bytes]]) -> Iterator[str]:
    """A store that sends the pieces to each client, then closes; yields its URL."""
    stopped = threading.Event()

    def send() -> None:
        while not stopped.is_set():
            connection, _ = listener.accept()
            with connection, suppress(OSError):  # the client may leave
                connection.recv(1000)
                for piece in pieces():
                    connection.sendall(piece)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        thread = threading.Thread(target=send)
        thread.start()
        try:
            yield f"http://127.0.0.1:{port}/a.jpg"
        finally:
            stopped.set()
            socket.create_connection(("127.0.0.1", port)).close()  # wakes accept
            thread.join()


def test_a_download_ends_in_time_also_when_the_store_drips() -> None:
    def drip() -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n"
        pause = threading.Event()
        for _ in range(500):
            yield b"x"
            pause.wait(0.02)

    with raw_store(drip) as url, service(one_person, download_timeout_sec=0.3) as running:
        started = time.monotonic()
        answer = ask(running.endpoint, url)
    assert answer.status_code == 503
    assert "download_timeout_sec" in answer.json()["error"]
    assert time.monotonic() - started < 5  # the store would go on for 10 s


def test_half_a_picture_is_never_given_to_the_function() -> None:
    def half() -> Iterator[bytes]:
        yield f"HTTP/1.1 200 OK\r\nContent-Length: {len(SAMPLE_JPEG)}\r\n\r\n".encode()
        yield SAMPLE_JPEG[:500]

    with raw_store(half) as url, service(one_person) as running:
        answer = ask(running.endpoint, url)
    assert answer.status_code == 503
    assert answer.json()["success"] is False


def test_a_picture_that_is_too_large_is_not_downloaded_whole(pictures: PictureHost) -> None:
    with service(one_person, max_picture_bytes=100) as running:
        answer = ask(running.endpoint, pictures.url("good", "a.jpg"))
    assert answer.json()["success"] is False
    assert "max_picture_bytes" in answer.json()["error"]


def test_a_picture_with_too_many_pixels_never_reaches_the_function(pictures: PictureHost) -> None:
    seen: list[Picture] = []

    def detect(picture: Picture) -> list[Detection]:
        seen.append(picture)
        return []

    with service(detect, max_picture_pixels=160 * 120 - 1) as running:
        answer = ask(running.endpoint, pictures.url("good", "a.jpg"))
    assert answer.status_code == 200
    assert answer.json()["success"] is False
    assert "160 x 120 pixels" in answer.json()["error"]
    assert seen == []


def test_neither_answers_nor_logs_show_the_signature(
    pictures: PictureHost, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    signature = "X-Amz-Signature=tell-nobody"
    urls = [
        pictures.url("good", "a.jpg"),
        pictures.url("missing", "a.jpg"),
        f"http://127.0.0.1:{free_port()}/a.jpg",
        "http://[::1/a.jpg",
        "http:///a.jpg",
        "http://user:tell-nobody@127.0.0.1:1/a.jpg",
    ]
    with service(one_person) as running:
        answers = [ask(running.endpoint, url + f"&?{signature}").text for url in urls]
    assert "tell-nobody" not in "".join(answers)
    assert "tell-nobody" not in caplog.text


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "JSON object"),
        (b"{}", "image_url"),
        (b'{"image_url": 7}', "image_url"),
        (b'{"image_url": "file:///etc/passwd"}', "image_url"),
        (b'{"image_url": "http://a/b", "task_id": 7}', "task_id"),
        (b'{"image_url": "http://a/b", "algo_config": []}', "algo_config"),
    ],
)
def test_bad_request_is_status_400_and_names_the_mistake(body: bytes, text: str) -> None:
    with service(one_person) as running:
        answer = requests.post(running.endpoint, data=body, timeout=10)
    assert answer.status_code == 400
    assert answer.json()["success"] is False
    assert text in answer.json()["error"]


def raw(port: int, request: bytes) -> tuple[int, Any]:
    """Send bytes; return status and JSON of the answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"POST /infer HTTP/1.1\r\nHost: x\r\n\r\n", 411),
        (b"POST /infer HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
        (b"POST /infer HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n", 413),
        (b"BREW /infer HTTP/1.1\r\nHost: x\r\n\r\n", 501),
        (b"GET /other HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 404),
        (b"POST /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}", 404),
    ],
)
def test_request_for_no_inference_is_answered_in_json(request_bytes: bytes, status: int) -> None:
    with service(one_person) as running:
        answered, data = raw(running.port, request_bytes)
    assert answered == status
    assert data["success"] is False


def test_never_more_calls_at_once_than_max_concurrency(pictures: PictureHost) -> None:
    lock, go_on = threading.Lock(), threading.Event()
    now, most = 0, 0

    def detect(picture: Picture) -> Answer:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        go_on.wait(5)
        with lock:
            now -= 1
        return []

    with service(detect, max_concurrency=2) as running, ThreadPoolExecutor(6) as pool:
        url = pictures.url("good", "a.jpg")
        answers = [pool.submit(ask, running.endpoint, url) for _ in range(6)]
        wait_until(lambda: pictures.fetched("good") == 6, what="six frames at the service")
        wait_until(lambda: now == 2, what="two frames in work")
        go_on.set()
        assert all(answer.result().json()["success"] for answer in answers)
    assert most == 2


def test_a_connection_is_kept_for_the_next_frame(pictures: PictureHost) -> None:
    with service(one_person) as running:
        connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=10)
        connection.connect()
        first_socket = connection.sock
        for _ in range(3):
            body = json.dumps({"image_url": pictures.url("good", "a.jpg")})
            connection.request("POST", "/infer", body)
            assert json.loads(connection.getresponse().read())["success"] is True
            assert connection.sock is first_socket
        connection.close()


def test_health_reports_identity_and_statistics(pictures: PictureHost) -> None:
    with service(one_person) as running:
        for kind in ("good", "missing"):
            ask(running.endpoint, pictures.url(kind, "a.jpg"))
        url = f"http://127.0.0.1:{running.port}/health"
        health = requests.get(url, timeout=10).json()
    assert health["status"] == "ok"
    assert health["service_id"] == "demo"
    assert health["registration"] == "none"
    assert health["total_requests"] == 2
    assert 0 < health["last_inference_time_ms"] == health["avg_inference_time_ms"]


def test_stopping_finishes_the_frame_in_work(pictures: PictureHost) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def detect(picture: Picture) -> Answer:
        begun.set()
        go_on.wait(5)
        return []

    running = service(detect)
    running.start()
    with ThreadPoolExecutor(2) as pool:
        answer = pool.submit(ask, running.endpoint, pictures.url("good", "a.jpg"))
        assert begun.wait(5)
        stopped = pool.submit(running.stop)
        port = running.port
        wait_until(lambda: _refuses(port), what="no new connections")
        go_on.set()
        stopped.result(5)
        assert answer.result(5).json()["success"] is True


def test_starting_twice_or_on_a_taken_port_is_an_error() -> None:
    with service(one_person) as running:
        with pytest.raises(RuntimeError, match="already"):
            running.start()
        with pytest.raises(OSError, match="in use"):
            service(one_person, port=running.port).start()
    with pytest.raises(RuntimeError, match="not started"):
        _ = running.endpoint


def _refuses(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return True
    return False
