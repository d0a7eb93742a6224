"""People are notified in time of a stall, whatever broke, and of its end."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.support.algorithm_stub import AlgorithmStub
from tests.support.ports import free_port
from tests.support.scan_traces import Scans
from tests.support.site import TYPE, Installation
from tests.support.waiting import wait_until
from tests.support.watchdogs import FakeCheck, Watchdogs

pytestmark = pytest.mark.sqlite_only

STALL_SEC = 2.0


class Webhook(ThreadingHTTPServer):
    """Receives notifications and keeps their English titles and their texts."""

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.titles: list[str] = []
        self.whole_titles: list[str] = []  # in every language
        self.bodies: list[str] = []
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def url(self) -> str:
        """For `notify_urls`."""
        return f"json://127.0.0.1:{self.server_port}/"

    def close(self) -> None:
        """Stop the server."""
        self.shutdown()
        self.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Webhook)
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.whole_titles.append(body["title"])
        self.server.titles.append(body["title"].partition(" / ")[0])
        self.server.bodies.append(body["message"])
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep the test's output quiet."""


@pytest.fixture
def people() -> Iterator[Webhook]:
    """A webhook that receives the notifications."""
    webhook = Webhook()
    yield webhook
    webhook.close()


def _configure(site: Installation, people: Webhook, *urls: str) -> None:
    site.configure(stall_alarm_sec=STALL_SEC, notify_urls=[people.url, *urls])


def test_stall_notifies_people_with_its_cause_and_of_its_end(
    site: Installation,
    watchdogs: Watchdogs,
    people: Webhook,
    scans: Scans,
    algorithm: AlgorithmStub,
) -> None:
    _configure(site, people)
    site.register(algorithm)
    watchdogs.start(broker := FakeCheck("broker"))
    watchdogs.rounds(3)
    broker.reason = "connection refused"
    site.put_many(3)
    site.scan()
    began = time.monotonic()
    wait_until(lambda: people.titles, 15, "people are notified")
    assert STALL_SEC * 0.9 <= time.monotonic() - began < STALL_SEC + 5
    assert people.titles == ["easyai: inference_stalled"]
    assert "/ 推理停止" in people.whole_titles[0]
    assert "3 frames wait and none succeeded" in people.bodies[0]
    assert "推理停止" in people.bodies[0]
    wait_until(watchdogs.alarms, 10, "it stands in the table")
    (alarm,) = watchdogs.alarms()
    assert (alarm["kind"], alarm["cause"]) == ("inference_stalled", "broker_down")

    broker.reason = ""
    site.work(site.loop())
    wait_until(lambda: len(people.titles) == 2, 15, "people are notified that inference goes on")
    assert people.titles[1] == "easyai: recovered (inference_stalled)"
    assert "/ 已恢复：推理停止" in people.whole_titles[1]
    assert "the cause was: the broker did not work (broker_down)" in people.bodies[1]
    watchdogs.wait_for("inference_stalled", "recovered")


def test_stall_alarm_names_only_the_stalled_type(
    site: Installation,
    watchdogs: Watchdogs,
    people: Webhook,
    scans: Scans,
    algorithm: AlgorithmStub,
) -> None:
    _configure(site, people)
    site.register(algorithm, task_types=[TYPE, "车辆"])
    site.record(2, "车辆")
    site.execute("UPDATE services SET max_concurrency = 2")
    site.put_many(1)
    loop = site.loop()
    watchdogs.start()
    limit = time.monotonic() + 20
    while not watchdogs.kinds() and time.monotonic() < limit:
        site.put(f"{TYPE}/门口1/{time.monotonic_ns()}.jpg")
        site.scan()
        loop.pump(TYPE, 0.1)
    ((_, message),) = watchdogs.wait_for("inference_stalled")
    assert "2 frames of 车辆 wait" in message


def test_type_with_a_rate_limit_slower_than_the_alarm_is_not_stalled(
    site: Installation, watchdogs: Watchdogs, scans: Scans, algorithm: AlgorithmStub
) -> None:
    site.register(algorithm)
    site.configure(f'[ai_analysis.types."{TYPE}"]\nrate_limit = "2/m"', stall_alarm_sec=1.0)
    site.record(1)
    watchdogs.start()
    watchdogs.rounds(25)
    assert watchdogs.kinds() == [], "a frame each half minute is what was asked for"
    site.configure(stall_alarm_sec=1.0)
    watchdogs.wait_for("inference_stalled")


def test_failing_scans_notify_people_without_a_known_frame(
    site: Installation, watchdogs: Watchdogs, people: Webhook, scans: Scans
) -> None:
    _configure(site, people)
    watchdogs.start()
    watchdogs.rounds(15)
    assert people.titles == []
    scans.cease()
    wait_until(lambda: people.titles, STALL_SEC + 6, "people are notified")
    assert "no frame could be found" in people.bodies[0]


def test_failing_scans_notify_people_although_named_frames_are_inferred(
    site: Installation,
    watchdogs: Watchdogs,
    people: Webhook,
    scans: Scans,
    algorithm: AlgorithmStub,
) -> None:
    _configure(site, people)
    site.register(algorithm)
    loop = site.loop()
    scans.cease()
    watchdogs.start()
    limit = time.monotonic() + 20
    while not people.bodies and time.monotonic() < limit:
        site.record(1)
        loop.pump(TYPE, 0.1)
    assert "no scan has run for" in people.bodies[0]
    assert "inference stands still" not in people.bodies[0]


# PostgreSQL has no lock of the whole database; tests/faults stops a PostgreSQL server.
@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
def test_locked_database_delays_no_notification_and_records_the_alarm_later(
    site: Installation,
    watchdogs: Watchdogs,
    people: Webhook,
    scans: Scans,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    _configure(site, people)
    watchdogs.start()
    watchdogs.rounds(3)
    scans.cease()
    holder = sqlite3.connect(
        Path(site.database_url.removeprefix("sqlite:///")), isolation_level=None
    )
    holder.execute("BEGIN EXCLUSIVE")
    locked_at = time.monotonic()
    wait_until(lambda: people.titles, 20, "people are notified")
    assert time.monotonic() - locked_at < STALL_SEC + 8
    assert people.titles == ["easyai: inference_stalled"]
    assert "database" in people.bodies[0]
    assert "inference stands still" in caplog.text
    assert watchdogs.alarms() == []
    holder.execute("ROLLBACK")
    holder.close()
    again = Scans(site)
    try:
        watchdogs.wait_for("inference_stalled", "recovered", timeout=20)
        (alarm,) = watchdogs.alarms()
        assert alarm["cause"] == "database_down"
        assert alarm["over_at"] > alarm["raised_at"]
        wait_until(lambda: len(people.titles) == 2, 10, "people are notified that it is over")
    finally:
        again.cease()


def test_notification_is_retried_only_for_recipients_it_did_not_reach(
    site: Installation, watchdogs: Watchdogs, people: Webhook, caplog: pytest.LogCaptureFixture
) -> None:
    port = free_port()
    site.configure(
        stall_alarm_sec=3600, notify_urls=[people.url, f"json://:hush-hush@127.0.0.1:{port}/"]
    )
    site.record(1)
    watchdogs.start()
    wait_until(lambda: people.titles, 15, "reachable recipients are notified")
    wait_until(lambda: "trying again" in caplog.text, 15, "the other recipient is not")
    late = Webhook(port)
    try:
        wait_until(
            lambda: late.titles == ["easyai: no_algorithm"],
            15,
            "the other recipient is notified later",
        )
    finally:
        late.close()
    assert people.titles == ["easyai: no_algorithm"]
    assert "hush-hush" not in caplog.text
