"""Several task types that stand still: each since its own moment, and "everything" only when so."""

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
    """One service takes all three types."""
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
        path.unlink()  # it lies under failed/, as the rows say


def test_each_type_is_told_of_with_its_own_duration(
    site: Installation, watchdogs: Watchdogs, scans: Scans
) -> None:
    _succeeded(site, 0, THIRD)
    for task_type, age in ((TYPE, 600.0), (OTHER, 60.0)):
        site.record(1, task_type)
        waits_since(site, age, task_type)
    now = time.time()
    watchdogs.start()
    ((_, said),) = watchdogs.wait_for("inference_stalled")
    assert f"1 frame of {TYPE} waits and none succeeded for 10 min" in said
    assert re.search(rf"1 frame of {OTHER} waits and none succeeded for [67]\d s", said), said
    began = {row["subject"]: now - row["began_at"] for row in watchdogs.alarms()}
    assert began == {TYPE: pytest.approx(600, abs=10), OTHER: pytest.approx(60, abs=10)}


def test_everything_stands_still_when_nothing_succeeded_since_the_last_of_them_began(
    site: Installation, watchdogs: Watchdogs, scans: Scans
) -> None:
    site.record(1, THIRD)
    site.execute("UPDATE frames SET state = 'done'")
    _succeeded(site, 300, THIRD)  # since the first began, before the second did
    for task_type, age in ((TYPE, 600.0), (OTHER, 60.0)):
        site.record(1, task_type)
        waits_since(site, age, task_type)
    now = time.time()
    watchdogs.start()
    ((_, said),) = watchdogs.wait_for("inference_stalled")
    assert re.search(r": 2 frames wait and none succeeded for [67]\d s to 10 min\.", said), said
    (alarm,) = watchdogs.alarms()
    assert (alarm["subject"], now - alarm["began_at"]) == ("", pytest.approx(600, abs=10))


def test_a_frame_that_failed_weeks_ago_does_not_date_a_standstill_of_today(
    site: Installation, watchdogs: Watchdogs, scans: Scans
) -> None:
    _failed(site, (20 * DAY_SEC, 40, 30, 25), TYPE)
    processes_work(site)
    assert time.time() - look(site).symptom.since == pytest.approx(3600, abs=10)
    watchdogs.start()
    ((_, said),) = watchdogs.wait_for("inference_stalled")
    assert "none succeeded for 60 min" in said


def test_failures_that_are_rare_are_told_of_though_no_two_are_of_one_hour(
    site: Installation, watchdogs: Watchdogs, scans: Scans
) -> None:
    _failed(site, (9000, 5000, 30), TYPE)
    watchdogs.start()
    ((_, said),) = watchdogs.wait_for("inference_stalled")
    assert "3 frames failed" in said


def test_a_broken_picture_of_another_type_does_not_hold_an_alarm_of_everything(
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


def test_one_that_broke_after_the_alarm_of_everything_is_none_of_it(
    site: Installation, watchdogs: Watchdogs, scans: Scans
) -> None:
    site.configure(stall_alarm_sec=1.5)
    _failed(site, (40, 35, 30), TYPE)
    watchdogs.start()
    watchdogs.wait_for("inference_stalled")
    _failed(site, (0,), OTHER)
    watchdogs.rounds(12)  # until it is old enough to count as a standstill
    site.execute("DELETE FROM frames WHERE task_type = :name", name=TYPE)
    watchdogs.wait_for("inference_stalled", "recovered")
