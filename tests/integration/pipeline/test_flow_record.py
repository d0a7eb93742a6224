"""The curves have every frame once, whatever the step, and what was not measured is missing."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from easyai.db import clock, flow_history, statistics, totals
from easyai.db.flow_history import KEPT_SEC
from easyai.db.statistics import Tally
from easyai.domain.outcome_totals import Histogram
from easyai.pipeline import flow_record
from easyai.pipeline.flow_record import record_flow
from easyai.tasks import sweep
from tests.support.site import TYPE, Installation

BEGIN = 1_764_000_000 // 1800 * 1800


class _Clock:
    """The database's clock, which a test sets."""

    def __init__(self, site: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = float(BEGIN)
        self._site = site
        monkeypatch.setattr(clock, "now", lambda _conn: self.now)

    def work(self, found: int, inferred: int, seconds: float) -> None:
        """Count frames now; each inference took `seconds`."""
        tally = Tally(found=found, successes=inferred, queue_full=1)
        histogram = {(totals.INFERENCE, TYPE, "http://a"): Histogram.of([seconds] * inferred)}
        with self._site.runtime.db.write() as conn:
            statistics.add(conn, {TYPE: tally}, self.now)
            totals.add_durations(conn, histogram, self.now)

    def later(self, seconds: float) -> bool:
        """Set the clock and record."""
        self.now += seconds
        return record_flow(self._site.runtime)


@pytest.fixture
def moment(site: Installation, monkeypatch: pytest.MonkeyPatch) -> _Clock:
    """The clock of the database."""
    return _Clock(site, monkeypatch)


def _rows(site: Installation, step_sec: int, since: float = 0) -> list[Any]:
    with site.runtime.db.read() as conn:
        return flow_history.since(conn, step_sec, since)


def _sums(site: Installation, step_sec: int) -> tuple[int, int, int]:
    rows = [row for row in _rows(site, step_sec) if row.task_type == TYPE]
    durations = sum(sum(flow_history.counts_of(row)) for row in rows)
    return sum(row.arrived for row in rows), sum(row.inferred for row in rows), durations


def _wait(site: Installation, key: str, state: str) -> None:
    site.execute(
        "INSERT INTO frames (key, task_type, task_id, state, version, captured_at, found_at,"
        " due_at) VALUES (:key, :type, 'c', :state, 'v', 1, 1, 1)",
        key=key,
        type=TYPE,
        state=state,
    )


def test_every_step_counts_every_frame_once(site: Installation, moment: _Clock) -> None:
    moment.later(5)
    for _ in range(360):
        moment.work(3, 2, 0.04)
        moment.later(10)
    moment.later(10)
    assert _sums(site, 10) == (1080, 720, 720)
    assert _sums(site, 60) == _sums(site, 10)
    assert _sums(site, 240) == (1080, 720, 720)
    assert _sums(site, 1800) == (1080, 720, 720)
    assert [row.at for row in _rows(site, 1800) if row.task_type] == [BEGIN, BEGIN + 1800]


def test_nothing_is_recorded_twice_in_ten_seconds(site: Installation, moment: _Clock) -> None:
    assert moment.later(5)
    assert not moment.later(1)
    moment.work(3, 2, 0.04)
    assert moment.later(10)
    assert not moment.later(0)
    assert _sums(site, 10) == (3, 2, 2)


def test_frames_of_a_time_without_sweeps_are_recorded_later(
    site: Installation, moment: _Clock
) -> None:
    moment.later(5)
    for _ in range(10):
        moment.work(1, 1, 0.2)
        moment.now += 10
    moment.later(10)
    rows = [row for row in _rows(site, 10) if row.task_type == TYPE]
    assert [row.inferred for row in rows] == [1] * 10 + [0]
    moment.later(60)
    assert _sums(site, 60)[:2] == (10, 10)
    assert sum(flow_history.counts_of(rows[-1])) == 10


def test_frames_of_a_transaction_that_commits_late_are_in_every_curve_once(
    site: Installation, moment: _Clock
) -> None:
    moment.later(5)
    moment.work(3, 2, 0.04)
    moment.later(120)
    measured = [(row.waiting, row.durations) for row in _rows(site, 10)]
    with site.runtime.db.write() as conn:
        statistics.add(conn, {TYPE: Tally(found=5, successes=4), "人脸": Tally(found=7)}, BEGIN + 5)
    assert _sums(site, 10)[:2] == (3, 2)
    for _ in range(3):
        moment.later(10)
        for step_sec in (10, 60):
            assert _sums(site, step_sec) == (8, 6, 2)
    (first,) = (row for row in _rows(site, 60) if row.task_type == "人脸")
    assert (first.at, first.arrived) == (BEGIN, 7)
    before = [row for row in _rows(site, 10) if row.at < BEGIN + 120 and row.task_type != "人脸"]
    assert [(row.waiting, row.durations) for row in before] == measured
    moment.later(1800)
    assert _sums(site, 1800) == (8, 6, 2)


def test_late_frames_of_a_time_that_was_not_measured_stay_unknown(
    site: Installation, moment: _Clock
) -> None:
    moment.work(3, 2, 0.04)
    moment.now += 60
    moment.later(5)
    moment.later(10)
    assert _sums(site, 10)[:2] == (0, 0)


def test_clock_that_was_set_back_stops_no_record(site: Installation, moment: _Clock) -> None:
    moment.later(5)
    moment.now -= 7200
    moment.work(1, 1, 0.2)
    assert moment.later(15)
    assert moment.later(10)
    assert _sums(site, 10)[:2] == (1, 1)


def test_waiting_frames_are_those_of_the_end_of_the_step(
    site: Installation, moment: _Clock
) -> None:
    for number, state in enumerate(("pending", "parked", "parked", "done")):
        _wait(site, str(number), state)
    moment.later(65)
    (mark, row) = _rows(site, 10)
    assert (mark.task_type, mark.waiting, row.task_type, row.waiting) == ("", 3, TYPE, 3)
    assert [row.waiting for row in _rows(site, 60)] == [3, 3]


def test_many_waiting_frames_are_counted_once_a_minute(
    site: Installation, moment: _Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow_record, "_MANY", 2)
    for number in range(3):
        _wait(site, str(number), "pending")
    moment.later(15)
    site.execute("DELETE FROM frames WHERE key = '0'")
    moment.later(10)
    assert [row.waiting for row in _rows(site, 10, BEGIN + 10)] == [3, 3]
    moment.later(40)
    assert [row.waiting for row in _rows(site, 10, BEGIN + 50)] == [2, 2]
    site.execute("DELETE FROM frames")
    moment.later(10)
    assert [row.waiting for row in _rows(site, 10, BEGIN + 60)] == [0]


def test_old_rows_of_every_step_are_deleted(site: Installation, moment: _Clock) -> None:
    moment.later(5)
    moment.work(1, 1, 0.2)
    moment.later(10)
    for step_sec, kept_sec in KEPT_SEC.items():
        moment.now = BEGIN + 5.0
        moment.later(1800)
        moment.later(kept_sec + 2 * step_sec)
        assert not [row for row in _rows(site, step_sec) if row.at < moment.now - kept_sec - 3600]


def test_reading_with_other_bounds_counts_as_none(site: Installation, moment: _Clock) -> None:
    moment.work(1, 1, 0.1)
    assert moment.later(20)
    moment.work(1, 1, 0.1)
    with site.runtime.db.write() as conn:
        conn.execute(text("UPDATE flow SET durations = '1 2' WHERE step_sec = 0"))
    assert moment.later(20)
    assert _sums(site, 10) == (2, 2, 0)
    moment.work(1, 1, 0.1)
    assert moment.later(20)
    assert _sums(site, 10) == (3, 3, 1)


def test_defect_of_the_curves_holds_up_no_sweep(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> bool:
        raise ZeroDivisionError

    monkeypatch.setattr(sweep, "record_flow", broken)
    assert sweep.sweep(site.runtime).pictures == 0
