from __future__ import annotations

import socket
import time

import pytest

from easyai.process.supervisor_link import AWAIT_API_VARIABLE
from easyai.tasks import api_wait
from easyai.tasks.api_wait import ApiWait
from tests.support.ports import free_port
from tests.support.waiting import wait_until


def test_wait_ends_at_once_without_an_api(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(AWAIT_API_VARIABLE, raising=False)
    wait = ApiWait()
    assert wait.over
    wait.start()
    assert wait.over


def test_wait_ends_as_soon_as_the_api_accepts_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    monkeypatch.setenv(AWAIT_API_VARIABLE, f"127.0.0.1:{port}")
    wait = ApiWait()
    wait.start()
    time.sleep(0.3)
    assert not wait.over
    with socket.create_server(("127.0.0.1", port)):
        wait_until(lambda: wait.over, 5, "the API was found")


def test_wait_for_a_missing_api_is_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    port = free_port()
    monkeypatch.setattr(api_wait, "LONGEST_SEC", 0.2)
    monkeypatch.setenv(AWAIT_API_VARIABLE, f"127.0.0.1:{port}")
    wait = ApiWait()
    wait.start()
    assert not wait.over
    wait.wait()
    assert wait.over
