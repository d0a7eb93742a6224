"""The end of an alarm reports only services, successes and heartbeats that were observed."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import pytest

from easyai.db import statistics
from easyai.db.statistics import Tally
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.scan_traces import Scans
from tests.support.site import TYPE, Installation
from tests.support.watchdogs import Watchdogs

pytestmark = pytest.mark.sqlite_only

STALL_SEC = 1.5


def _dropped(site: Installation, count: int) -> None:
    """Drop every waiting frame as too old."""
    site.execute(
        "UPDATE frames SET state = 'dropped', outcome = 'too_old', settled_at = :now"
        " WHERE state = 'pending'",
        now=time.time(),
    )
    with site.runtime.db.write() as conn:
        statistics.add(conn, {TYPE: Tally(processed=0, too_old=count)}, time.time())


def _failed(site: Installation) -> None:
    site.execute(
        "UPDATE frames SET state = 'failed', outcome = 'failed', reason = 'no model',"
        " settled_at = :now WHERE state = 'pending'",
        now=time.time(),
    )


@pytest.mark.parametrize("registers", [False, True])
def test_end_of_no_algorithm_reports_algorithms_available_only_with_a_service(
    site: Installation, watchdogs: Watchdogs, algorithm: AlgorithmStub, registers: bool
) -> None:
    site.configure(stall_alarm_sec=3600)
    site.register(algorithm, task_types=["人脸"])
    site.record(3)
    watchdogs.start()
    watchdogs.wait_for("no_algorithm")
    if registers:
        site.register(algorithm)
    else:
        _dropped(site, 3)
    over = watchdogs.wait_for("no_algorithm", "recovered")[-1][1]
    assert ("algorithms are available again" in over) == registers
    if not registers:
        assert "no frame waits any more (3 dropped in the last minute)" in over
        assert f"no service takes frames of {TYPE} yet" in over
        assert "没有图片在等待" in over


@pytest.mark.parametrize("fate", ["dropped", "failed"])
def test_end_of_a_stall_claims_no_inference_when_every_frame_was_given_up(
    site: Installation, watchdogs: Watchdogs, scans: Scans, algorithm: AlgorithmStub, fate: str
) -> None:
    site.configure(stall_alarm_sec=STALL_SEC)
    site.register(algorithm)
    site.record(2)  # two failed frames are no stall
    watchdogs.start()
    watchdogs.wait_for("inference_stalled")
    if fate == "dropped":
        _dropped(site, 2)
    else:
        _failed(site)
    over = watchdogs.wait_for("inference_stalled", "recovered")[-1][1]
    assert "inference goes on" not in over
    assert "推理已恢复" not in over
    assert f"no frame waits any more (2 {fate}" in over
    assert "no frame has succeeded since" in over


def test_end_of_a_stall_reports_inference_after_a_success(
    site: Installation, watchdogs: Watchdogs, scans: Scans, algorithm: AlgorithmStub
) -> None:
    site.configure(stall_alarm_sec=STALL_SEC)
    site.register(algorithm)
    site.put_many(2)
    site.scan()
    watchdogs.start()
    watchdogs.wait_for("inference_stalled")
    site.work(site.loop())
    over = watchdogs.wait_for("inference_stalled", "recovered")[-1][1]
    assert "inference goes on" in over


# PostgreSQL has no lock of the whole database; tests/faults stops a PostgreSQL server.
@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
def test_locked_database_does_not_end_a_stall_alarm(
    site: Installation, watchdogs: Watchdogs, scans: Scans, algorithm: AlgorithmStub
) -> None:
    site.configure(stall_alarm_sec=3.0)
    site.register(algorithm)
    site.record(2)
    watchdogs.start()
    watchdogs.wait_for("inference_stalled")
    scans.cease()
    file = Path(site.database_url.removeprefix("sqlite:///"))
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    limit = time.monotonic() + 6  # longer than an alarm needs to end and to be raised again
    while time.monotonic() < limit:
        holder.execute("SELECT 1").fetchone()
        time.sleep(0.05)
    holder.execute("ROLLBACK")
    holder.close()
    again = Scans(site)
    try:
        watchdogs.rounds(12)
        assert "recovered" not in watchdogs.kinds(), watchdogs.messages()
    finally:
        again.cease()


@pytest.mark.parametrize("parked", [0, 1])
def test_end_of_a_backlog_reports_waiting_and_parked_frames(
    site: Installation, watchdogs: Watchdogs, algorithm: AlgorithmStub, parked: int
) -> None:
    site.configure(stall_alarm_sec=3600, max_queue_size=3)
    site.register(algorithm)
    site.record(5)
    watchdogs.start()
    watchdogs.wait_for("queue_backlog")
    site.execute("UPDATE frames SET state = 'done' WHERE id > 1")
    if parked:
        site.execute("UPDATE frames SET state = 'parked' WHERE id = 2")
    over = watchdogs.wait_for("queue_backlog", "recovered")[-1][1]
    assert "1 frame waits in the queue" in over
    assert ("1 frame is parked" in over) == bool(parked)


@pytest.mark.parametrize("calls", [5, 0])
def test_end_of_slow_inference_claims_speed_only_after_measured_calls(
    site: Installation, watchdogs: Watchdogs, algorithm: AlgorithmStub, calls: int
) -> None:
    site.configure(stall_alarm_sec=3600, slow_inference_ms=100)
    site.register(algorithm)

    def measured(count: int, ms: float) -> None:
        site.execute("DELETE FROM statistics WHERE bucket > 0")
        if count:
            tally = Tally(successes=count, infer_ms_sum=count * ms)
            with site.runtime.db.write() as conn:
                statistics.add(conn, {TYPE: tally}, time.time())

    measured(5, 500)
    watchdogs.start()
    watchdogs.wait_for("slow_inference")
    measured(calls, 10)
    over = watchdogs.wait_for("slow_inference", "recovered")[-1][1]
    assert ("as fast as it should be" in over) == bool(calls)
    assert ("too few answers in the last minute" in over) == (not calls)
