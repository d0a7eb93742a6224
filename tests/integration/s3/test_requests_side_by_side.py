"""Requests of a thread side by side: none waits for another's answer, each keeps its bounds."""

from __future__ import annotations

import socket
import threading
import time
from typing import Any

import pytest

from easyai.s3 import kept_connections
from easyai.s3.client_errors import NoAnswerError
from easyai.system.side_by_side import SideBySide
from tests.integration.s3.scripted_server import (
    LIMITS,
    ScriptedServer,
    Talk,
    always,
    answer,
    refused,
)
from tests.support.ports import HeldPort, free_port

FOUND = answer(b"1", ETag='"e1"')


def test_requests_get_their_own_answers_on_their_own_connections() -> None:
    def script(talk: Talk) -> None:
        while asked := talk.request():
            talk.send(answer(asked.encode() * 5000, ETag=asked))

    with ScriptedServer(script) as server:
        client = server.client()
        keys = [f"t/cam/{number}" for number in range(200)]
        for key, (etag, content) in zip(
            keys, SideBySide(16).map(lambda key: client.get(key, 200_000), keys), strict=True
        ):
            assert etag == f"GET /frames/{key}"
            assert content == etag.encode() * 5000
        assert server.connections == 16


def test_request_without_an_answer_holds_up_no_other() -> None:
    answered: list[str] = []

    def script(talk: Talk) -> None:
        while asked := talk.request():
            if not asked.endswith("/0"):
                answered.append(asked)
                talk.send(FOUND)

    def get(number: int) -> str:
        try:
            return client.get(str(number), 9)[0]
        except NoAnswerError as error:
            return f"{error} after {len(answered)}"

    with ScriptedServer(script) as server:
        client = server.client(LIMITS._replace(read_sec=0.5))
        etags = SideBySide(4).map(get, range(40))
    assert etags == ["read timed out after 39", *["e1"] * 39]


def test_request_is_sent_whole_although_the_server_reads_late() -> None:
    content, read = b"x" * 20_000_000, threading.Event()

    def script(talk: Talk) -> None:
        read.wait(10)
        while talk.request():
            talk.send(FOUND)

    def put(number: int) -> None:
        if number == 3:
            read.set()
        client.put(str(number), content, "image/jpeg")

    with ScriptedServer(script) as server:
        client = server.client()
        SideBySide(4).map(put, range(4))
        assert len(server.requests) == 4


def test_busy_server_is_asked_again_by_all_at_the_same_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kept_connections, "_PAUSE_SEC", 0.3)

    def get(number: int) -> None:
        with pytest.raises(NoAnswerError, match="503"):
            client.get(str(number), 9)

    with ScriptedServer(always(refused(503, "SlowDown"))) as server:
        client, began = server.client(), time.monotonic()
        SideBySide(20).map(get, range(20))
        assert time.monotonic() - began < 10 * (0.3 + 0.6)
        assert len(server.requests) == 60


def test_connections_that_hang_are_given_up_at_the_same_time() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        waiting = [socket.socket() for _ in range(4)]  # more than the backlog takes
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(full.getsockname())

        def get(number: int) -> None:
            with pytest.raises(NoAnswerError, match="timed out"):
                client.get(str(number), 9)

        with ScriptedServer(always(FOUND)) as server:
            limits = LIMITS._replace(connect_sec=0.5)
            client = server.client(limits, endpoint=f"127.0.0.1:{full.getsockname()[1]}")
            began = time.monotonic()
            SideBySide(20).map(get, range(20))
            assert time.monotonic() - began < 20 * 0.5
        for each in waiting:
            each.close()


def test_connection_that_is_refused_is_an_error() -> None:
    closed = HeldPort()

    def get(number: int) -> None:
        with pytest.raises(NoAnswerError, match="Connection refused"):
            client.get(str(number), 9)

    with ScriptedServer(always(FOUND)) as server:
        client = server.client(endpoint=f"127.0.0.1:{closed.number}")
        SideBySide(5).map(get, range(5))
    closed.release()


def test_address_of_a_server_is_looked_up_once_for_connections_side_by_side(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    look_ups: list[str] = []
    look_up = socket.getaddrinfo

    def counted(host: str, *args: Any, **kwargs: Any) -> Any:
        look_ups.append(host)
        return look_up(host, *args, **kwargs)

    with ScriptedServer(always(FOUND)) as server:
        client = server.client(endpoint=f"localhost:{server.port}")
        monkeypatch.setattr(socket, "getaddrinfo", counted)
        SideBySide(8).map(lambda key: client.get(str(key), 9), range(8))
        assert server.connections > 1
    assert look_ups == ["localhost"]


def test_address_that_nobody_answers_is_looked_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_connections, "_JUST_SEC", 0.0)
    with ScriptedServer(always(FOUND)) as server:
        client = server.client(endpoint=f"localhost:{free_port()}")
        with pytest.raises(NoAnswerError):
            client.get("1", 9)
        moved = socket.getaddrinfo("127.0.0.1", server.port, type=socket.SOCK_STREAM)
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: moved)
        assert client.get("1", 9)[1] == b"1"


def test_request_that_is_sent_once_finds_a_server_that_has_moved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kept_connections, "_JUST_SEC", 0.0)

    def moved_to(port: int) -> None:
        addresses = look_up("127.0.0.1", port, type=socket.SOCK_STREAM)
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: addresses)

    look_up = socket.getaddrinfo
    with ScriptedServer(always(answer(status=204))) as former:
        client = former.client(endpoint="store.local:1")
        moved_to(former.port)
        client.delete("1")
    with ScriptedServer(always(answer(status=204))) as server:
        moved_to(server.port)
        client.delete("2")  # nothing was sent to the old address
        assert [asked for _, asked in server.requests] == ["DELETE /frames/2"]


def test_server_that_has_moved_is_found_although_its_old_address_is_silent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kept_connections, "_JUST_SEC", 0.0)
    look_up = socket.getaddrinfo
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]  # more than the backlog takes
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(("127.0.0.1", port))
        with ScriptedServer(always(answer(status=204))) as server:
            client = server.client(LIMITS._replace(connect_sec=1.0), endpoint="store.local:1")
            for number in (port, server.port):
                addresses = look_up("127.0.0.1", number, type=socket.SOCK_STREAM)
                monkeypatch.setattr(socket, "getaddrinfo", lambda *_, found=addresses, **__: found)
                if number == port:
                    with pytest.raises(NoAnswerError):
                        client.delete("1")
            client.delete("2")
        for each in waiting:
            each.close()


def test_server_that_is_down_is_looked_up_once_a_second_at_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kept_connections, "_JUST_SEC", 60.0)
    look_ups: list[str] = []
    look_up = socket.getaddrinfo

    def counted(host: str, *args: Any, **kwargs: Any) -> Any:
        look_ups.append(host)
        return look_up(host, *args, **kwargs)

    with ScriptedServer(always(FOUND)) as server:
        client = server.client(endpoint=f"localhost:{free_port()}")
        monkeypatch.setattr(socket, "getaddrinfo", counted)
        for _ in range(5):
            with pytest.raises(NoAnswerError):
                client.get("1", 9)
    assert look_ups == ["localhost"]
