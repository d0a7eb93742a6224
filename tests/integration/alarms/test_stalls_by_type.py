"""Stalls of several types: each with its own begin; "all types" only if all are stalled."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable

import pytest

from easyai.db import statistics
from easyai.db.statistics import Tally
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.lively import look, processes_work, waits_since
from tests.support.scan_traces import Scans
from tests.support.site import TYPE, Installation
from tests.support.watchdogs import Watchdogs

pytestmark = pytest.mark.sqlite_only

OTHER, THIRD = "车辆", "人脸"
DAY_SEC = 86_400.0


@pytest.fixture(autouse=True)
def served(site: Installation, algorithm: AlgorithmStub) -> None:
    """A single service takes all three types."""
    site.configure(stall_alarm_sec=20.0)
    site.register(algorithm, task_types=[TYPE, OTHER, THIRD])


def _succeeded(site: Installation, age: float, task_type: str) -> None:
    with site.runtime.db.write() as conn:
        tally = {task_type: Tally(successes=1, processed=1)}
        statistics.add(conn, tally, time.time() - age)


def _failed(site: Installation, ages: Iterable[float], task_type: str) -> None:
    now = time.time()
    for age in ages:
        site.record(1, task_type)
        site.execute(
            "UPDATE frames SET state = 'failed', outcome = 'failed', reason = 'no model',"
            " settled_at = :at, image_path = 'failed/' || key WHERE state = 'pending'",
            at=now - age,
        )
    for path in (site.snapshots / task_type).rglob("*.jpg"):
        path.unlink()  # the rows have it under failed/


def test_stall_alarm_quotes_a_duration_for_each_type(
    site: Installation, watchdogs: Watchdogs, scans: Scans
) -> None:
    _succeeded(site, 0, THIRD)
    for task_type, age in ((TYPE, 600.0), (OTHER, 60.0)):
        site.record(1, task_type)
        waits_since(site, age, task_type)
    now = time.time()
    watchdogs.start()
    ((_, message),) = watchdogs.wait_for("inference_stalled")
    assert f"1 frame of {TYPE} waits and none succeeded for 10 min" in message
    assert re.search(rf"1 frame of {OTHER} waits and none succeeded for [67]\d s", message), message
    began = {row["subject"]: now - row["began_at"] for row in watchdogs.alarms()}
    assert began == {TYPE: pytest.approx(600, abs=10), OTHER: pytest.approx(60, abs=10)}


def test_stall_covers_all_types_without_a_success_since_the_last_type_stalled(
    site: Installation, watchdogs: Watchdogs, scans: Scans
) -> None:
    site.record(1, THIRD)
    site.execute("UPDATE frames SET state = 'done'")
    _succeeded(site, 300, THIRD)  # after the first stall began, before the second began
    for task_type, age in ((TYPE, 600.0), (OTHER, 60.0)):
        site.record(1, task_type)
        waits_since(site, age, task_type)
    now = time.time()
    watchdogs.start()
    ((_, message),) = watchdogs.wait_for("inference_stalled")
    assert re.search(r": 2 frames wait and none succeeded for [67]\d s to 10 min\.", message), (
        message
    )
    (alarm,) = watchdogs.alarms()
    assert (alarm["subject"], now - alarm["began_at"]) == ("", pytest.approx(600, abs=10))


def test_failure_of_weeks_ago_does_not_date_a_stall_of_today(
    site: Installation, watchdogs: Watchdogs, scans: Scans
) -> None:
    _failed(site, (20 * DAY_SEC, 40, 30, 25), TYPE)
    processes_work(site)
    assert time.time() - look(site).symptom.since == pytest.approx(3600, abs=10)
    watchdogs.start()
    ((_, message),) = watchdogs.wait_for("inference_stalled")
    assert "none succeeded for 60 min" in message


def test_rare_failures_without_a_success_raise_a_stall_alarm(
    site: Installation, watchdogs: Watchdogs, scans: Scans
) -> None:
    _failed(site, (9000, 5000, 30), TYPE)
    watchdogs.start()
    ((_, message),) = watchdogs.wait_for("inference_stalled")
    assert "3 frames failed" in message


def test_broken_picture_of_another_type_does_not_prolong_a_stall_of_all_types(
    site: Installation, watchdogs: Watchdogs, scans: Scans, algorithm: AlgorithmStub
) -> None:
    site.configure(stall_alarm_sec=1.5)
    _failed(site, (40, 35, 30), TYPE)
    _failed(site, (20,), OTHER)
    watchdogs.start()
    watchdogs.wait_for("inference_stalled")
    (alarm,) = watchdogs.alarms()
    assert (alarm["subject"], alarm["cause"]) == ("", "inference_fails")
    site.put(f"{TYPE}/门口1/good.jpg")
    site.work(site.loop())
    over = watchdogs.wait_for("inference_stalled", "recovered")[-1][1]
    assert "inference goes on" in over


def test_failure_of_another_type_after_the_stall_alarm_does_not_prolong_it(
    site: Installation, watchdogs: Watchdogs, scans: Scans
) -> None:
    site.configure(stall_alarm_sec=1.5)
    _failed(site, (40, 35, 30), TYPE)
    watchdogs.start()
    watchdogs.wait_for("inference_stalled")
    _failed(site, (0,), OTHER)
    watchdogs.rounds(12)  # until it is old enough to count as a stall
    site.execute("DELETE FROM frames WHERE task_type = :name", name=TYPE)
    watchdogs.wait_for("inference_stalled", "recovered")
