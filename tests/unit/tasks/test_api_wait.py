from __future__ import annotations

import socket
import time

import pytest

from easyai.process.supervisor_link import AWAIT_API_VARIABLE
from easyai.tasks import api_wait
from easyai.tasks.api_wait import ApiWait
from tests.support.ports import free_port
from tests.support.waiting import wait_until


def test_it_is_over_where_nobody_named_an_api(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(AWAIT_API_VARIABLE, raising=False)
    wait = ApiWait()
    assert wait.over
    wait.start()
    assert wait.over


def test_it_is_over_as_soon_as_the_api_takes_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    monkeypatch.setenv(AWAIT_API_VARIABLE, f"127.0.0.1:{port}")
    wait = ApiWait()
    wait.start()
    time.sleep(0.3)
    assert not wait.over
    with socket.create_server(("127.0.0.1", port)):
        wait_until(lambda: wait.over, 5, "the API was found")


def test_an_api_that_does_not_come_is_not_waited_for_without_end(
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
