"""An endless answer of a service is cut off, and delays no frame of another service."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from easyai.domain.reason import quoted
from easyai.service_http.probe import probe_all
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.raw_service import RawService, answer
from tests.support.site import TYPE, Installation
from tests.support.waiting import wait_until

OTHER_TYPE = "绊线检测"
KEY = f"{TYPE}/门口1/1.jpg"
ENDLESS = {
    "interim answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 2000, "answers to one request"),
    "early hints": (b"", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 2000, "one request"),
    "tiny chunks": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
        b"1\r\n \r\n" * 8000,
        "larger than",
    ),
    "the extension of a chunk": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;",
        b"x" * 50_000,
        "larger than",
    ),
}


def _flood(name: str) -> Callable[[socket.socket], None]:
    start, again, _ = ENDLESS[name]

    def talk(connection: socket.socket) -> None:
        connection.sendall(start)
        while True:  # until the connection is cut off
            connection.sendall(again)

    return talk


@pytest.mark.sqlite_only
@pytest.mark.parametrize("name", ENDLESS)
def test_endless_answer_is_cut_off_while_other_frames_are_inferred(
    site: Installation, algorithm: AlgorithmStub, name: str
) -> None:
    site.register(algorithm, task_types=[OTHER_TYPE])
    with RawService("flood", _flood(name)) as flood:
        site.register(flood.face)
        site.put(KEY)
        site.put(f"{OTHER_TYPE}/门口1/1.jpg")
        site.scan()
        loop = site.loop()
        for task_type in (TYPE, OTHER_TYPE):
            loop.pump(task_type, 0.2)
        wait_until(lambda: site.frame(KEY)["reason"], 10, "the endless call is settled")
        wait_until(lambda: len(site.alerts()) == 1, 10, "the other service's frame is inferred")
        assert ENDLESS[name][2] in site.frame(KEY)["reason"]


def test_endless_probe_answer_is_cut_off() -> None:
    with RawService("flood", _flood("interim answers"), probes=False) as flood:
        assert probe_all({1: f"http://127.0.0.1:{flood.port}/health"}) == {
            1: quoted("ClientPayloadError")
        }


@pytest.mark.sqlite_only
def test_interim_http_response_before_each_answer_is_accepted(site: Installation) -> None:
    body = answer(b'{"success": true, "result": {"count": 1}}')

    def talk(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" + body)

    with RawService("polite", talk) as polite:
        site.register(polite.face)
        for number in range(20):
            site.put(f"{TYPE}/门口1/{number}.jpg")
        site.work(site.loop())
    assert len(site.alerts()) == 20


@pytest.mark.sqlite_only
def test_answer_limits_apply_per_request_on_a_kept_connection(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    pk = site.register(algorithm, max_concurrency=1)
    for number in range(20):
        site.put(f"{TYPE}/门口1/{number}.jpg")
    site.work(site.loop())
    assert len(site.alerts()) == len(algorithm.received) == 20
    assert site.service(pk)["last_failure_reason"] is None
