"""Totals are counted in the settling transaction, and retention does not reduce them."""

from __future__ import annotations

import time
from typing import Any

import pytest

from easyai.db import totals
from easyai.domain.frame import FrameState, Outcome
from easyai.domain.outcome_totals import OTHER, Durations, Histogram, Totals
from easyai.domain.reason import quoted
from easyai.pipeline import upkeep
from easyai.pipeline.admission_drops import Drops
from easyai.pipeline.duration_totals import DurationTotals
from tests.support.algorithm_stub import AlgorithmStub, Frame, detections
from tests.support.site import TYPE, Installation

_REFUSAL = (200, {"success": False, "error": "模糊"})


def _frames(site: Installation) -> dict[tuple[str, str], int]:
    with site.runtime.db.read() as conn:
        found = totals.frames(conn)
    return {(outcome, reason): count for (name, outcome, reason), count in found.items()}


def _durations(site: Installation) -> dict[str, totals.DurationTotal]:
    with site.runtime.db.read() as conn:
        return {total.kind: total for total in totals.durations(conn)}


def test_every_outcome_is_counted_under_its_code(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    site.configure(max_attempts=1, extra=f'[ai_analysis.types."{TYPE}"]\nsampling = 2')

    def answer(frame: Frame) -> Any:
        number = int(frame["image_path"].rpartition("/")[2].partition(".")[0])
        return _REFUSAL if number == 0 else detections(number % 4)

    algorithm.answer = answer
    site.register(algorithm)
    site.put_many(6)  # 0, 2 and 4 are inferred
    site.work(site.loop())
    expected = {
        ("failed", "refused"): 1,
        ("alert", ""): 1,
        ("no_detection", ""): 1,
        ("sampled", ""): 3,
    }
    assert _frames(site) == expected

    found = _durations(site)
    assert {total.endpoint for total in found.values()} == {algorithm.endpoint}
    assert sum(found["inference"].histogram.counts) == 2
    assert sum(found["frame_latency"].histogram.counts) == 2
    latency = found["frame_latency"].histogram.sum_sec
    assert found["inference"].histogram.sum_sec <= latency < 60


def test_dropped_frames_are_counted_with_their_reason(site: Installation) -> None:
    site.record(3)
    ids = [frame["id"] for frame in site.frames()]
    drops = Drops(site.runtime)
    drops.drop(lambda _: ids[:2], FrameState.PENDING, Outcome.QUEUE_FULL, quoted("full"))
    drops.drop(lambda _: ids[2:], FrameState.PENDING, Outcome.DISCARDED, quoted("by hand"))
    assert _frames(site) == {("dropped", "queue_full"): 2, ("discarded", ""): 1}


def test_latency_of_a_requeued_frame_counts_from_its_requeue(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    site.register(algorithm)
    site.record(1)
    site.execute(
        "UPDATE frames SET found_at = found_at - 86400, requeued_at = :now", now=time.time() - 30
    )
    site.work(site.loop())
    assert 29 <= _durations(site)["frame_latency"].histogram.sum_sec < 90


def test_totals_are_kept_after_frames_are_forgotten_and_processes_restart(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    site.configure(history_retention_days=1)
    algorithm.answer = lambda frame: detections(0)
    site.register(algorithm)
    site.put_many(3)
    site.work(site.loop())
    before = (_frames(site), _durations(site))
    site.execute("UPDATE frames SET settled_at = settled_at - 864000")
    report = upkeep.run(site.open())
    assert (report.frames, report.totals) == (2, 0)  # the newest frame keeps its id
    assert (_frames(site), _durations(site)) == before
    assert before[0] == {("no_detection", ""): 3}


def test_totals_of_old_endpoints_and_types_are_trimmed_except_the_last_success(
    site: Installation,
) -> None:
    now = time.time()
    site.record(1, "known")
    old = now - 40 * 86_400
    for task_type, endpoint, at in (
        *(("known", "http://old/", old), ("known", "http://newest/", old + 1)),
        *(("forgotten", "http://old/", old), ("forgotten", "http://new/", now)),
    ):
        counted = Totals()
        counted.settled(task_type, Outcome.ALERT)
        histogram = Histogram.of([0.2])
        with site.runtime.db.write() as conn:
            totals.add_frames(conn, counted, at)
            totals.add_durations(conn, {(totals.INFERENCE, task_type, endpoint): histogram}, at)
    site.execute("UPDATE frame_totals SET updated_at = :old", old=old)
    with site.runtime.db.write() as conn:
        assert totals.trim(conn, now) == 3
        kept = totals.durations(conn)
        frames = totals.frames(conn)
    assert {total.endpoint for total in kept} == {"http://newest/", "http://new/"}
    assert set(frames) == {("known", "alert", "")}


def test_endpoints_beyond_the_limit_are_counted_together(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(totals, "MOST_ENDPOINTS", 2)
    for _ in range(2):  # by two processes
        rows = DurationTotals()
        for number in range(5):
            took = {(TYPE, f"http://10.0.0.{number}/"): Durations([1.0])}
            with site.runtime.db.write() as conn:
                rows.add(conn, took, time.time(), at_once=True)
            rows.committed()
    with site.runtime.db.read() as conn:
        found = {total.endpoint: sum(total.histogram.counts) for total in totals.durations(conn)}
    assert found == {"http://10.0.0.0/": 2, "http://10.0.0.1/": 2, OTHER: 6}


def test_durations_are_written_once_a_second_and_not_twice_after_a_rollback(
    site: Installation,
) -> None:
    rows = DurationTotals()

    def settle(seconds: float, *, at_once: bool, commits: bool = True) -> int:
        took = {(TYPE, "http://10.0.0.1/"): Durations([0.5], [seconds])}
        with site.runtime.db.write() as conn:
            rows.add(conn, took, time.time(), at_once=at_once)
            if not commits:
                conn.rollback()
        if commits:
            rows.committed()
        found = _durations(site).get(totals.FRAME_LATENCY)
        return sum(found.histogram.counts) if found else 0

    assert settle(1.0, at_once=True) == 1
    assert settle(1.0, at_once=False) == 1, "written once a second"
    assert settle(1.0, at_once=True, commits=False) == 1
    assert settle(1.0, at_once=True) == 3
