"""Readers of lists never hold up heartbeats and registrations."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO

import pytest
import requests
from starlette.requests import Request

from easyai.api import gates
from easyai.db import alert_lists
from easyai.runtime import Runtime
from tests.integration.api.live import ALERTS, ANALYSIS, LiveApi
from tests.support.waiting import wait_until

REGISTRATION = {"service_id": "yolo", "task_types": ["人数统计"], "endpoint": "http://127.0.0.1:9/"}
READERS = 30


class _SlowLists:
    """Lists of alerts that read until the test lets them go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reading = 0
        self.go_on = threading.Event()
        self._lock = threading.Lock()
        self._page = alert_lists.page
        monkeypatch.setattr(alert_lists, "page", self._slow_page)

    def _slow_page(self, *args: object, **given: object) -> object:
        with self._lock:
            self.reading += 1
        self.go_on.wait(20)
        return self._page(*args, **given)  # type: ignore[arg-type]


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[_SlowLists]:
    """Lists that take as long as the test wants."""
    lists = _SlowLists(monkeypatch)
    yield lists
    lists.go_on.set()


def _read(api: LiveApi, page: int = 1) -> int:
    """The status of a list; each page is read for itself."""
    return requests.get(f"{api.url}{ALERTS}?page={page}", timeout=30).status_code


def test_readers_take_no_place_of_heartbeats_registrations_and_changes(
    api: LiveApi, slow: _SlowLists
) -> None:
    api.post(f"{ANALYSIS}/register", REGISTRATION)
    with ThreadPoolExecutor(READERS) as pool:
        answers = [pool.submit(_read, api, page) for page in range(READERS)]
        wait_until(lambda: slow.reading == 3, 10, "three lists are read")
        begun = time.monotonic()
        api.post(f"{ANALYSIS}/heartbeat/yolo")
        api.post(f"{ANALYSIS}/register", REGISTRATION | {"service_id": "other"})
        assert api.call("DELETE", f"{ALERTS}/1").status_code == 200
        assert api.call("GET", "/readyz").status_code in (200, 503)
        assert time.monotonic() - begun < 5
        assert slow.reading == 3
        slow.go_on.set()
        assert {answer.result() for answer in answers} == {200}


def test_reader_beyond_the_queue_gets_503_with_retry_after(
    api: LiveApi, slow: _SlowLists, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(gates._MOST_WAITING, gates.LISTS, 3)
    with ThreadPoolExecutor(6) as pool:
        answers = [pool.submit(_read, api, page) for page in range(6)]
        wait_until(lambda: slow.reading == 3, 10, "three lists are read")
        wait_until(lambda: api.call("GET", ALERTS).status_code == 503, 10, "three more wait")
        refused = api.call("GET", ALERTS)
        assert "ask again in some seconds" in refused.json()["error"]
        assert refused.headers["retry-after"] == "5"
        slow.go_on.set()
        assert {answer.result() for answer in answers} == {200}


def test_reader_that_waits_too_long_gets_503(
    api: LiveApi, slow: _SlowLists, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gates, "_LONGEST_WAIT_SEC", 0.3)
    with ThreadPoolExecutor(3) as pool:
        answers = [pool.submit(_read, api, page) for page in range(3)]
        wait_until(lambda: slow.reading == 3, 10, "three lists are read")
        assert api.call("GET", ALERTS).status_code == 503
        slow.go_on.set()
        assert {answer.result() for answer in answers} == {200}


def test_list_of_a_client_that_has_gone_is_not_read(api: LiveApi, slow: _SlowLists) -> None:
    with ThreadPoolExecutor(3) as pool:
        answers = [pool.submit(_read, api, page) for page in range(3)]
        wait_until(lambda: slow.reading == 3, 10, "three lists are read")
        for _ in range(5):
            with socket.create_connection(("127.0.0.1", api.port)) as client:
                client.sendall(f"GET {ALERTS} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
                time.sleep(0.05)
        time.sleep(0.3)  # the server notices
        slow.go_on.set()
        assert {answer.result() for answer in answers} == {200}
    assert _read(api) == 200
    assert slow.reading == 4  # three, and the last


def test_client_that_sends_its_body_slowly_keeps_no_place(api: LiveApi) -> None:
    head = f"POST {ANALYSIS}/register HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 500\r\n\r\n{{"
    slow_clients = [socket.create_connection(("127.0.0.1", api.port)) for _ in range(10)]
    for client in slow_clients:
        client.sendall(head.encode())
    begun = time.monotonic()
    api.post(f"{ANALYSIS}/register", REGISTRATION)
    assert time.monotonic() - begun < 5
    for client in slow_clients:
        client.close()


def test_registration_is_made_although_its_client_has_gone(api: LiveApi) -> None:
    """A client with a short timeout registers once and looks no further."""
    body = json.dumps(REGISTRATION, ensure_ascii=False).encode()
    head = f"POST {ANALYSIS}/register HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}"
    with socket.create_connection(("127.0.0.1", api.port)) as client:
        client.sendall(f"{head}\r\n\r\n".encode() + body)
    wait_until(lambda: api.get(f"{ANALYSIS}/services")["services"], 10, "the service is registered")


def test_answer_is_checked_and_encoded_on_a_thread_of_its_gate(
    api: LiveApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = []
    model = gates._model

    def recorded(published: Any) -> Any:
        threads.append(threading.current_thread().name)
        return model(published)

    monkeypatch.setattr(gates, "_model", recorded)
    api.get(f"{ANALYSIS}/services")
    api.get(ALERTS)
    api.post(f"{ANALYSIS}/register", REGISTRATION)

    assert [name.partition("_")[0] for name in threads] == ["reads", "lists", "registrations"]


@pytest.fixture
def picture(sqlite_runtime: Runtime, folder: Path) -> str:
    """The link to a picture."""
    folder.mkdir(exist_ok=True)
    (folder / "a.jpg").write_bytes(b"a picture")
    return sqlite_runtime.store.url("a.jpg", 3600).partition("/api/v1/")[2]


def test_picture_with_a_free_place_does_not_ask_for_its_client(
    sqlite_api: LiveApi, picture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def asked(_: Request) -> bool:
        return True

    monkeypatch.setattr(Request, "is_disconnected", asked)
    assert sqlite_api.call("GET", f"/api/v1/{picture}").content == b"a picture"


def test_picture_of_a_client_that_has_gone_is_not_read(
    sqlite_api: LiveApi, sqlite_runtime: Runtime, picture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    go_on = threading.Event()
    store: Any = sqlite_runtime.store
    open_now = store.open

    def slow(key: str) -> BinaryIO:
        opened.append(key)
        go_on.wait(20)
        file: BinaryIO = open_now(key)
        return file

    monkeypatch.setattr(store, "open", slow)
    target = f"{sqlite_api.url}/api/v1/{picture}"
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(requests.get, target, timeout=30) for _ in range(8)]
        wait_until(lambda: len(opened) == 8, 10, "all places are taken")
        for _ in range(5):
            with socket.create_connection(("127.0.0.1", sqlite_api.port)) as client:
                client.sendall(f"GET /api/v1/{picture} HTTP/1.1\r\nHost: t\r\n\r\n".encode())
                time.sleep(0.05)
        time.sleep(0.3)  # the server notices
        go_on.set()
        assert {answer.result().status_code for answer in answers} == {200}
    assert sqlite_api.call("GET", f"/api/v1/{picture}").status_code == 200
    assert len(opened) == 9  # eight, and the last
