"""Clients share readings, and a reading ends when all its clients have gone."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from sqlalchemy import Connection, text

from easyai.api import compression, gates
from easyai.db import alert_lists, alerts
from easyai.runtime import Runtime
from tests.integration.api.live import ALERTS, LiveApi
from tests.support.waiting import wait_until

LONG = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})"
    " SELECT count(*) FROM n",
    "postgresql": "SELECT pg_sleep({seconds})",
}
HEAD = "GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


class Lists:
    """Lists of alerts that the test holds up before their query."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun = 0
        self.faults: list[BaseException] = []
        self.hold: Callable[[Connection], Any] = lambda _: None
        self._page = alert_lists.page
        self._lock = threading.Lock()
        monkeypatch.setattr(alert_lists, "page", self._read)

    def _read(self, conn: Connection, *args: Any, **options: Any) -> Any:
        with self._lock:
            self.begun += 1
        try:
            self.hold(conn)
            return self._page(conn, *args, **options)
        except BaseException as error:
            self.faults.append(error)
            raise


@pytest.fixture
def lists(monkeypatch: pytest.MonkeyPatch) -> Lists:
    """The lists."""
    return Lists(monkeypatch)


@pytest.fixture
def clients() -> Iterator[ThreadPoolExecutor]:
    """Threads of clients."""
    with ThreadPoolExecutor(25) as pool:
        yield pool


def _get(api: LiveApi, target: str = ALERTS) -> requests.Response:
    return requests.get(api.url + target, timeout=30)


def _ask(api: LiveApi, target: str = ALERTS) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", api.port))
    connection.sendall(HEAD.format(target=target).encode())
    return connection


def _long(seconds: float) -> Callable[[Connection], Any]:
    """A query that takes long in the database itself."""

    def query(conn: Connection) -> None:
        kind = conn.dialect.name
        conn.execute(text(LONG[kind].format(rows=int(seconds * 10_000_000), seconds=seconds)))

    return query


def _queries(runtime: Runtime) -> int:
    """How many long queries run in a PostgreSQL server; 0 for SQLite."""
    if runtime.db.is_sqlite:
        return 0
    found = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'"
    with runtime.db.read() as conn:
        return int(conn.execute(text(f"{found} AND state = 'active'")).scalar_one())


def test_clients_that_wait_for_the_same_list_share_a_reading(
    api: LiveApi, lists: Lists, clients: ThreadPoolExecutor
) -> None:
    go_on = threading.Event()
    lists.hold = lambda _: go_on.wait(20)
    first = clients.submit(_get, api)
    wait_until(lambda: lists.begun == 1, 10, "the first list is read")
    others = [clients.submit(_get, api) for _ in range(20)]
    another = clients.submit(_get, api, f"{ALERTS}?page=2")
    wait_until(lambda: lists.begun == 2, 10, "another list is read meanwhile")
    time.sleep(0.3)
    go_on.set()

    assert {answer.result().status_code for answer in (first, another, *others)} == {200}
    assert lists.begun == 3  # the first, the other list, and one for all the others


def test_compressed_and_plain_answers_come_from_the_same_reading(
    api: LiveApi,
    runtime: Runtime,
    lists: Lists,
    clients: ThreadPoolExecutor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    packed: list[int] = []

    def compress(plain: bytes, level: int) -> bytes:
        packed.append(len(plain))
        return gzip.compress(plain, level)

    monkeypatch.setattr(compression, "gzip", SimpleNamespace(compress=compress))
    with runtime.db.write() as conn:
        alerts.add(conn, [_alert() for _ in range(100)], for_bus=False)
    go_on = threading.Event()
    lists.hold = lambda _: go_on.wait(20)
    target = f"{api.url}{ALERTS}?page_size=100"
    first = clients.submit(requests.get, target, timeout=30)
    wait_until(lambda: lists.begun == 1, 10, "the list is read")
    codings = ["gzip", "identity", "gzip", "identity"]
    others = [
        clients.submit(requests.get, target, headers={"Accept-Encoding": coding}, timeout=30)
        for coding in codings
    ]
    time.sleep(0.3)
    go_on.set()

    assert [len(answer.result().json()["items"]) for answer in (first, *others)] == [100] * 5
    got = [answer.result().headers.get("content-encoding", "identity") for answer in others]
    assert got == codings
    assert lists.begun == 2
    assert len(packed) == 2, "each reading is compressed once for all its clients"


def test_answer_is_not_older_than_its_request(
    api: LiveApi, runtime: Runtime, lists: Lists, clients: ThreadPoolExecutor
) -> None:
    go_on = threading.Event()
    held: list[int] = []

    def read_then_wait(conn: Connection) -> None:
        if not held:
            held.append(conn.execute(text("SELECT count(*) FROM alerts")).scalar_one())
            go_on.wait(20)

    lists.hold = read_then_wait
    first: Future[requests.Response] = clients.submit(_get, api)
    wait_until(lambda: bool(held), 10, "the first list is read")
    with runtime.db.write() as conn:
        alerts.add(conn, [_alert()], for_bus=False)
    second = clients.submit(_get, api)
    time.sleep(0.2)
    go_on.set()

    assert first.result().json()["total"] in (0, 1)
    assert second.result().json()["total"] == 1


def _alert() -> dict[str, Any]:
    names = ("task_id", "task_type", "image_path", "algorithm_id", "algorithm_name", "result")
    numbers = ("confidence", "detection_count", "inference_time_ms")
    values = dict.fromkeys(names, "x") | dict.fromkeys(numbers, 1)
    return values | {"frame_id": None, "image_path": "", "now": time.time()}


def test_query_ends_soon_after_its_client_has_gone(
    api: LiveApi, runtime: Runtime, lists: Lists
) -> None:
    lists.hold = _long(60)
    client = _ask(api)
    wait_until(lambda: lists.begun == 1, 10, "the list is read")
    time.sleep(0.3)  # the query runs
    assert not lists.faults
    client.close()

    wait_until(lambda: bool(lists.faults), 5, "the query ends")
    wait_until(lambda: runtime.db.engine.pool.checkedout() == 0, 5, "the connection is free")  # type: ignore[attr-defined]
    assert _queries(runtime) == 0
    lists.hold = lambda _: None
    for _ in range(5):
        assert _get(api).status_code == 200


def test_gone_clients_leave_threads_and_connections_to_others(
    api: LiveApi, runtime: Runtime, lists: Lists
) -> None:
    lists.hold = _long(60)
    gone = [_ask(api, f"{ALERTS}?page={page}") for page in range(3)]
    wait_until(lambda: lists.begun == 3, 10, "all places are taken")
    lists.hold = lambda _: None
    for client in gone:
        client.close()

    begun = time.monotonic()
    assert _get(api).status_code == 200
    assert time.monotonic() - begun < 5


def test_client_that_stays_gets_its_answer(
    api: LiveApi, lists: Lists, clients: ThreadPoolExecutor
) -> None:
    lists.hold = _long(0.2)
    first = _ask(api, f"{ALERTS}?page=9")
    wait_until(lambda: lists.begun == 1, 10, "the list of the first is read")
    stays = clients.submit(_get, api)
    wait_until(lambda: lists.begun == 2, 10, "another list is read")
    shared = [_ask(api) for _ in range(3)]
    after = clients.submit(_get, api)
    time.sleep(0.1)
    for client in (first, *shared):
        client.close()

    assert stays.result().status_code == 200
    assert after.result().status_code == 200  # of a reading that it shared with gone clients


def test_list_is_read_again_after_a_pause_as_long_as_its_reading(
    api: LiveApi, lists: Lists, clients: ThreadPoolExecutor
) -> None:
    begun: list[float] = []

    def hold(_: Connection) -> None:
        begun.append(time.monotonic())
        time.sleep(0.4)

    lists.hold = hold
    first = clients.submit(_get, api)
    wait_until(lambda: len(begun) == 1, 10, "the list is read")
    assert {_get(api).status_code, first.result().status_code, _get(api).status_code} == {200}

    assert begun[1] - begun[0] > 0.79  # waits from the start of the first reading
    assert begun[2] - begun[1] > 0.79  # comes after the end of the second


def test_same_list_waits_no_longer_than_any(
    api: LiveApi, lists: Lists, clients: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gates, "_LONGEST_WAIT_SEC", 0.3)
    go_on = threading.Event()
    lists.hold = lambda _: go_on.wait(20)
    first = clients.submit(_get, api)
    wait_until(lambda: lists.begun == 1, 10, "the list is read")

    refused = _get(api)
    go_on.set()

    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "5"
    assert first.result().status_code == 200
