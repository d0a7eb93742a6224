"""No flapping and no false alarms: after a start, with sparse frames, while a bus catches up."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from easyai.alarms import observation
from easyai.db import processes
from easyai.db.statistics import Tally, add
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.site import TYPE, Installation
from tests.support.waiting import wait_until
from tests.support.watchdogs import FakeCheck, Watchdogs

pytestmark = pytest.mark.sqlite_only

OTHER = "车辆"
STALL_SEC = 1.5


@pytest.fixture
def worker(site: Installation) -> None:
    """A worker that started an hour ago and shows itself during the whole test."""
    now = time.time()
    with site.runtime.db.write() as conn:
        processes.beat(conn, "worker", "elsewhere", 1, now + 10, now - 3600)


def _scanned(site: Installation) -> None:
    """A scan and a beat that count as recent during the whole test."""
    _lease(site, "scan", time.time())
    _lease(site, "beat", time.time())


def _lease(site: Installation, name: str, now: float) -> None:
    site.execute(
        "INSERT INTO process_leases (name, holder, expires_at, done_at)"
        " VALUES (:name, 'me', :until, :now)",
        name=name,
        until=now + 60,
        now=now,
    )


def _succeed(site: Installation, task_type: str) -> None:
    with site.runtime.db.write() as conn:
        add(conn, {task_type: Tally(successes=1)}, time.time() + 5)
    site.execute("UPDATE services SET last_success_at = :now", now=time.time() + 5)


def test_watchdog_started_during_a_stall_does_not_report_its_end(
    site: Installation,
    watchdogs: Watchdogs,
    algorithm: AlgorithmStub,
    worker: None,
) -> None:
    watchdogs.timings = replace(watchdogs.timings, settling_sec=20.0)
    site.configure(stall_alarm_sec=STALL_SEC)
    site.register(algorithm)
    site.record(3)
    first = watchdogs.start()
    watchdogs.wait_for("inference_stalled")
    watchdogs.stop(first)
    watchdogs.start()
    watchdogs.rounds(14)
    assert watchdogs.kinds() == ["inference_stalled"]
    site.execute("DELETE FROM frames")
    _scanned(site)
    watchdogs.wait_for("inference_stalled", "recovered")


def test_frames_without_a_service_raise_only_the_no_algorithm_alarm(
    site: Installation, watchdogs: Watchdogs, algorithm: AlgorithmStub, worker: None
) -> None:
    site.configure(stall_alarm_sec=STALL_SEC)
    site.register(algorithm)
    site.record(3, OTHER)
    site.execute("UPDATE frames SET found_at = found_at - 86400, state = 'parked'")
    watchdogs.start(FakeCheck("store"))
    watchdogs.wait_for("no_algorithm")
    (row,) = watchdogs.alarms()
    assert (row["subject"], row["cause"]) == (OTHER, "no_service")
    limit = time.monotonic() + 2 * STALL_SEC
    while time.monotonic() < limit:  # scans go on
        site.execute("DELETE FROM process_leases WHERE name IN ('scan', 'beat')")
        _scanned(site)
        watchdogs.rounds(1)
    assert watchdogs.kinds() == ["no_algorithm"]


def test_stall_alarm_lasts_while_a_frame_of_another_type_succeeds(
    site: Installation, watchdogs: Watchdogs, algorithm: AlgorithmStub, worker: None
) -> None:
    site.configure(stall_alarm_sec=STALL_SEC)
    site.register(algorithm, task_types=[TYPE, OTHER])
    site.record(3, OTHER)
    site.record(1)
    watchdogs.start()
    watchdogs.wait_for("inference_stalled")
    site.execute("DELETE FROM frames WHERE task_type = :name", name=TYPE)
    _succeed(site, TYPE)
    watchdogs.rounds(12)
    assert watchdogs.kinds() == ["inference_stalled"]


def test_bus_that_answers_but_acknowledges_no_alert_raises_an_alarm(
    site: Installation, watchdogs: Watchdogs, worker: None
) -> None:
    site.configure(stall_alarm_sec=3600, mq_type="redis", mq_address="redis://127.0.0.1:1/0")
    _add_alert(site, created_at=time.time() - 7200)
    watchdogs.start(FakeCheck("bus"))
    # A bus that catches up after hours: the oldest alert is old, but a different alert each time.
    for age in range(7, 0, -1):
        watchdogs.rounds(2)
        site.execute("UPDATE alerts SET created_at = :at", at=time.time() - 1000 * age)
    assert watchdogs.kinds() == []
    ((_, message),) = watchdogs.wait_for("bus_down")
    assert "the bus answers, but 1 alert waits and no alert was acknowledged" in message
    site.execute("UPDATE alerts SET published_at = 1")
    watchdogs.wait_for("bus_down", "recovered")


def _add_alert(site: Installation, created_at: float) -> None:
    site.execute(
        "INSERT INTO alerts (task_id, task_type, image_path, algorithm_id, algorithm_name, result,"
        " confidence, detection_count, inference_time_ms, created_at, updated_at,"
        " published_at) VALUES ('cam', 'x', '', '', '', '', 0, 1, 0, :at, :at, NULL)",
        at=created_at,
    )


@pytest.mark.parametrize("works_for_sec", [0.0, 3600.0])
def test_no_algorithm_alarm_waits_for_the_start_of_a_new_worker_only(
    site: Installation, watchdogs: Watchdogs, works_for_sec: float
) -> None:
    watchdogs.timings = replace(watchdogs.timings, start_sec=3.0)
    site.configure(stall_alarm_sec=3600)
    now = time.time()
    with site.runtime.db.write() as conn:
        processes.beat(conn, "worker", "elsewhere", 1, now + 10, now - works_for_sec)
    site.record(1)
    began = time.monotonic()
    watchdogs.start()
    watchdogs.wait_for("no_algorithm")
    took = time.monotonic() - began
    assert took > 2.5 if works_for_sec == 0 else took < 2.5


def test_watchdog_that_cannot_observe_raises_a_stall_alarm(
    site: Installation, watchdogs: Watchdogs, worker: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("a defect")

    site.configure(stall_alarm_sec=STALL_SEC)
    monkeypatch.setattr(observation, "gather", broken)
    watchdogs.start()
    ((_, message),) = watchdogs.wait_for("inference_stalled")
    assert "the rows of the database cannot be read for" in message


def test_alarm_the_database_refuses_does_not_block_the_next_alarm(
    site: Installation, watchdogs: Watchdogs, worker: None
) -> None:
    site.configure(stall_alarm_sec=3600)
    watchdogs.start(FakeCheck("store", "no folder \udcff"))
    watchdogs.rounds(2)
    site.record(1)
    wait_until(lambda: "no_algorithm" in watchdogs.kinds(), 10, "the next alarm is in the table")


def test_empty_installation_raises_no_alarm(site: Installation, watchdogs: Watchdogs) -> None:
    site.configure(stall_alarm_sec=3600)
    watchdogs.start()
    watchdogs.rounds(6)
    assert watchdogs.kinds() == []
