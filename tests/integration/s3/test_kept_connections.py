"""Connections are kept, shared between threads, and replaced when the server closed them."""

from __future__ import annotations

import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from easyai.s3 import kept_connections
from easyai.s3.client_errors import NoAnswerError
from tests.integration.s3.scripted_server import LIMITS, ScriptedServer, Talk, always, answer
from tests.support.ports import HeldPort
from tests.support.waiting import wait_until

FOUND = answer(b"1", ETag='"e1"')


def test_requests_in_a_row_share_a_connection_whatever_their_answers() -> None:
    answers = [
        FOUND,
        answer(status=204),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n1\r\n0\r\nx-trailer: t\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\nx-a: b\r\n\r\n" + FOUND,
        b"HTTP/1.1 404 Not Found\r\n\r\n",  # to HEAD
        b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n",  # to HEAD
        FOUND,
    ]

    def script(talk: Talk) -> None:
        while talk.request():
            talk.send(answers.pop(0))

    with ScriptedServer(script) as server:
        client = server.client()
        assert client.get("k", 9) == ("e1", b"1")
        client.delete("k")
        assert client.get("k", 9) == ("", b"1")
        assert client.get("k", 9) == ("e1", b"1")
        with pytest.raises(Exception, match="NoSuchKey"):
            client.head("k")
        assert client.head("k").size == 5000
        assert client.get("k", 9) == ("e1", b"1")
        assert server.connections == 1


@pytest.mark.parametrize(
    "ending",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\n1",
        b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n1",
        FOUND + b"surplus",
        FOUND + FOUND,
    ],
    ids=["close", "HTTP 1.0", "surplus bytes", "second answer"],
)
def test_connection_is_not_used_after_an_answer_that_ends_it(ending: bytes) -> None:
    with ScriptedServer(always(ending)) as server:
        client = server.client()
        for _ in range(3):
            assert client.get("k", 9)[1] == b"1"
        assert server.connections == 3


def test_body_after_head_is_not_taken_for_the_next_answer() -> None:
    def script(talk: Talk) -> None:
        while asked := talk.request():
            talk.send(answer(b"12345") if asked.startswith("HEAD") else FOUND)

    with ScriptedServer(script) as server:
        client = server.client()
        for _ in range(3):
            assert client.head("k").size == 5
            assert client.get("k", 9) == ("e1", b"1")
        assert server.connections == 4


def test_end_of_the_connection_is_the_end_of_a_body_without_a_length() -> None:
    def script(talk: Talk) -> None:
        talk.request()
        talk.send(b"HTTP/1.1 200 OK\r\nETag: e1\r\n\r\nwhole")

    with ScriptedServer(script) as server:
        client = server.client()
        for _ in range(2):
            assert client.get("k", 9) == ("e1", b"whole")


def test_request_is_repeated_if_the_server_closed_the_kept_connection() -> None:
    def script(talk: Talk) -> None:
        talk.request()
        talk.send(FOUND)

    with ScriptedServer(script) as server:
        client = server.client()
        for _ in range(3):
            assert client.get("k", 9)[1] == b"1"
        assert len(server.requests) == 3


def test_request_is_repeated_if_the_server_closes_at_the_same_moment() -> None:
    def script(talk: Talk) -> None:
        talk.request()
        talk.send(FOUND)
        if talk.number == 1:
            talk.request()  # taken, and not answered
        else:
            always(FOUND)(talk)

    with ScriptedServer(script) as server:
        client = server.client()
        for _ in range(3):
            assert client.get("k", 9)[1] == b"1"
        assert [number for number, _ in server.requests] == [1, 1, 2, 2]


def test_request_is_repeated_if_the_server_closes_every_kept_connection() -> None:
    both_there = threading.Barrier(2, timeout=10)

    def script(talk: Talk) -> None:
        talk.request()
        if talk.number <= 2:
            both_there.wait()
            talk.send(FOUND)
            talk.request()  # taken, and not answered
        else:
            talk.send(FOUND)

    with ScriptedServer(script) as server, ThreadPoolExecutor(2) as pool:
        client = server.client()
        assert len(list(pool.map(lambda _: client.get("k", 9), range(2)))) == 2
        assert client.get("k", 9)[1] == b"1"
        assert [number for number, _ in server.requests[2:]] in ([1, 3], [2, 3])


def test_second_attempt_after_a_time_out_opens_a_connection() -> None:
    both_there = threading.Barrier(2, timeout=10)

    def script(talk: Talk) -> None:
        talk.request()
        if talk.number <= 2:
            both_there.wait()
            talk.send(FOUND)
            talk.request()
            talk.request()  # no answer: a firewall forgot the connection
        else:
            talk.send(FOUND)

    limits = LIMITS._replace(read_sec=1.0)
    with ScriptedServer(script) as server, ThreadPoolExecutor(2) as pool:
        client = server.client(limits)
        list(pool.map(lambda _: client.get("k", 9), range(2)))
        assert client.get("k", 9)[1] == b"1"
        assert server.requests[-1][0] == 3


def test_answer_that_nobody_asked_for_is_not_taken_for_the_next_answer() -> None:
    more, sent = threading.Event(), threading.Event()

    def script(talk: Talk) -> None:
        talk.request()
        talk.send(FOUND)
        if talk.number == 1:
            more.wait(10)
            talk.send(answer(b"0", ETag='"e0"'))
            sent.set()
        talk.request()

    with ScriptedServer(script) as server:
        client = server.client()
        client.get("k", 9)
        more.set()
        assert sent.wait(10)
        assert client.get("k", 9) == ("e1", b"1")


def test_idle_connection_is_replaced_after_some_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer(always(FOUND)) as server:
        client = server.client()
        client.get("k", 9)
        monkeypatch.setattr(kept_connections, "_IDLE_SEC", 0.0)
        client.get("k", 9)
        assert server.connections == 2


def test_forked_process_uses_no_connection_of_its_parent() -> None:
    with ScriptedServer(always(FOUND)) as server:
        client = server.client()
        client.get("k", 9)
        pid = os.fork()
        if pid == 0:
            try:
                client.get("k", 9)
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitpid(pid, 0)[1] == 0
        client.get("k", 9)
        assert [number for number, _ in server.requests] == [1, 2, 1]


def test_threads_get_their_own_answers_on_their_own_connections() -> None:
    def script(talk: Talk) -> None:
        while asked := talk.request():
            talk.send(answer(asked.encode(), ETag=asked))

    with ScriptedServer(script) as server, ThreadPoolExecutor(16) as pool:
        client = server.client()
        keys = [f"t/cam/{number}" for number in range(800)]
        for key, (etag, content) in zip(
            keys, pool.map(lambda key: client.get(key, 99), keys), strict=True
        ):
            assert content.decode() == etag == f"GET /frames/{key}"
        assert server.connections <= 16
        client.close()


def test_no_more_connections_are_kept_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_connections, "_MOST_KEPT", 2)
    with ScriptedServer(always(FOUND)) as server, ThreadPoolExecutor(8) as pool:
        client = server.client()
        list(pool.map(lambda _: client.get("k", 9), range(100)))
        assert len(client._connections._idle) <= 2


def test_name_with_several_addresses_is_reached_at_the_one_that_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    closed = HeldPort()
    with ScriptedServer(always(FOUND)) as server:
        dead = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", closed.number))
        alive = (*dead[:4], ("127.0.0.1", server.port))
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [dead, alive])
        assert server.client(endpoint="store.local:1").get("k", 9)[1] == b"1"
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [dead])
        with pytest.raises(NoAnswerError, match="Connection refused"):
            server.client(endpoint="store.local:1").get("k", 9)
    closed.release()


def test_address_that_hangs_leaves_time_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        hanging = full.getsockname()
        waiting = [socket.socket() for _ in range(4)]  # more than the backlog takes
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(hanging)
        with ScriptedServer(always(FOUND)) as server:
            first = (socket.AF_INET, socket.SOCK_STREAM, 6, "", hanging)
            second = (*first[:4], ("127.0.0.1", server.port))
            monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [first, second])
            limits = LIMITS._replace(connect_sec=0.5)
            assert server.client(limits, endpoint="store.local:1").get("k", 9)[1] == b"1"
        for each in waiting:
            each.close()


def test_host_that_has_no_address_is_an_error() -> None:
    with ScriptedServer(always(FOUND)) as server, pytest.raises(NoAnswerError):
        server.client(endpoint="no-such-host.invalid").get("k", 9)


def test_server_on_ipv6_is_reached() -> None:
    with ScriptedServer(always(FOUND), "::1") as server:
        assert server.client().get("k", 9)[1] == b"1"
        assert f"host: [::1]:{server.port}\r\n" in server.heads[0]


def test_connections_are_closed_with_their_client() -> None:
    ended: list[str] = []

    def script(talk: Talk) -> None:
        always(FOUND)(talk)
        ended.append("closed")

    with ScriptedServer(script) as server:
        client = server.client()
        client.get("k", 9)
        del client
        wait_until(lambda: bool(ended), 5, "the server sees the end")
