"""A storm of pictures holds up no operator, and takes a bounded part of the memory."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from easyai.api import picture_room
from easyai.api.body_limit import PICTURE_LIMIT_BYTES
from easyai.pipeline.sent_pictures import SentPictures
from tests.integration.api.live import ALERTS, LiveApi
from tests.integration.api.test_arrivals import FRAMES, JPEG, KEY, TYPE
from tests.support.waiting import wait_until


def _send(api: LiveApi, name: str) -> Any:
    parameters = {"task_type": TYPE, "task_id": "门口1", "name": name}
    headers = {"content-type": "image/jpeg"}
    return api.call("POST", FRAMES, data=JPEG, params=parameters, headers=headers)


class _SlowWrites:
    """Pictures that are written when the test lets them go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.writing = 0
        self.go_on = threading.Event()
        self._receive = SentPictures.receive
        monkeypatch.setattr(SentPictures, "receive", lambda *given: self._slow(*given))

    def _slow(self, *given: Any) -> Any:
        self.writing += 1
        self.go_on.wait(20)
        return self._receive(*given)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[_SlowWrites]:
    """Writes that take as long as the test wants."""
    writes = _SlowWrites(monkeypatch)
    yield writes
    writes.go_on.set()


def test_storm_of_pictures_takes_no_place_of_operators(
    sqlite_api: LiveApi, slow: _SlowWrites
) -> None:
    with ThreadPoolExecutor(8) as pool:
        sent = [pool.submit(_send, sqlite_api, f"{number}.jpg") for number in range(8)]
        wait_until(lambda: slow.writing == 2, 10, "two pictures are written")
        assert sqlite_api.call("DELETE", f"{ALERTS}/1").status_code == 200
        assert slow.writing == 2
        slow.go_on.set()
        assert {future.result().status_code for future in sent} == {201}


def test_picture_beyond_the_room_is_refused_before_its_body_is_read(
    sqlite_api: LiveApi, slow: _SlowWrites, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture_room, "_ROOM_BYTES", PICTURE_LIMIT_BYTES + len(JPEG))
    with ThreadPoolExecutor(2) as pool:
        sent = [pool.submit(_send, sqlite_api, "1.jpg")]
        wait_until(lambda: slow.writing == 1, 10, "a picture is written")
        head = f"POST {FRAMES} HTTP/1.1\r\nHost: t\r\nContent-Type: image/png\r\n"
        begin = f"{head}Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        with socket.create_connection(("127.0.0.1", sqlite_api.port), timeout=15) as begun:
            begun.sendall(begin)
            assert begun.recv(100).startswith(b"HTTP/1.1 100 ")  # its body is read now
            status, headers, _ = sqlite_api.raw(f"{head}Content-Length: 5\r\n\r\n".encode())
            assert (status, headers["retry-after"]) == (503, "5")
            assert sqlite_api.post(FRAMES, {"keys": [KEY]})["accepted"] == 0
        slow.go_on.set()
        assert sent[0].result().status_code == 201
    wait_until(lambda: _send(sqlite_api, "2.jpg").status_code == 201)
