"""Discarding waiting frames counts them, deletes their pictures and leaves other frames."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Connection

from easyai.db import discards
from easyai.db.discards import Chosen, Waiting
from easyai.errors import BadRequestError
from easyai.pipeline import admission_drops, discard
from easyai.pipeline.discard import discard as discard_frames
from easyai.pipeline.operator_statistics import inference_stats
from easyai.tasks.sweep import sweep
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.site import TYPE, Installation

TYPO = "人数统记"


def _fates(site: Installation) -> list[tuple[str, str, str | None]]:
    return [(frame["task_type"], frame["state"], frame["outcome"]) for frame in site.frames()]


def test_discard_counts_waiting_frames_and_deletes_their_pictures(
    site: Installation,
) -> None:
    site.configure(max_queue_size=0)
    site.put_many(3, TYPO, camera="门口2")
    site.put_many(1, TYPE)
    site.scan()
    report = discard_frames(site.runtime, Chosen(TYPO))
    assert (report.discarded, report.by_camera, report.waiting) == (3, {"门口2": 3}, 0)
    assert sorted(_fates(site)) == [
        (TYPE, "parked", None),
        *[(TYPO, "dropped", "discarded")] * 3,
    ]
    assert site.pictures(TYPO) == []
    assert len(site.pictures(TYPE)) == 1
    stats = inference_stats(site.runtime)
    assert (stats["discarded_total"], stats["dropped_total"], stats["drop_rate"]) == (3, 0, 0)
    (event,) = site.rows("SELECT subject, text FROM events WHERE kind = 'frames_dropped'")
    assert (event["subject"], "discarded: 3 frames" in event["text"]) == (TYPO, True)


def test_dry_run_of_discard_counts_and_changes_nothing(site: Installation) -> None:
    site.put_many(2, TYPO)
    site.scan()
    report = discard_frames(site.runtime, Chosen(TYPO), dry_run=True)
    assert (report.discarded, report.waiting) == (0, 2)
    assert {state for _, state, _ in _fates(site)} == {"parked"}
    assert len(site.pictures(TYPO)) == 2


def test_discarding_a_camera_leaves_frames_of_other_cameras(site: Installation) -> None:
    site.register(AlgorithmStub())
    site.put_many(2, camera="门口1")
    kept = site.put_many(2, camera="门口2")
    site.scan()
    assert discard_frames(site.runtime, Chosen(TYPE, "门口1")).discarded == 2
    left = [frame["key"] for frame in site.frames() if frame["state"] == "pending"]
    assert left == kept
    assert site.pictures(TYPE) == kept


def test_discard_keeps_leased_and_failed_frames(site: Installation) -> None:
    site.register(AlgorithmStub())
    site.record(3)
    assert len(site.lease(most=1).frames) == 1
    site.execute(
        "UPDATE frames SET state = 'failed', outcome = 'failed' WHERE id ="
        " (SELECT min(id) FROM frames WHERE state = 'pending')"
    )
    report = discard_frames(site.runtime, Chosen(TYPE))
    assert (report.discarded, report.in_flight) == (1, 1)
    assert sorted(state for _, state, _ in _fates(site)) == ["dropped", "failed", "leased"]


def test_discard_in_several_transactions_keeps_frames_that_arrive_meanwhile(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discard, "AT_ONCE", 2)
    drop = admission_drops.Drops.drop
    arrived: list[int] = []

    def drop_while_one_arrives(*arguments: object) -> admission_drops.Dropped:
        if not arrived:
            arrived.append(1)
            site.record(1, TYPO)
        return drop(*arguments)  # type: ignore[arg-type]

    site.record(5, TYPO)
    monkeypatch.setattr(admission_drops.Drops, "drop", drop_while_one_arrives)
    report = discard_frames(site.runtime, Chosen(TYPO))
    assert (report.discarded, report.waiting) == (5, 1)


def test_discard_of_a_camera_reads_the_frames_of_other_cameras_once(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discard, "AT_ONCE", 2)
    site.record(12, TYPO)
    site.execute("UPDATE frames SET task_id = 'other' WHERE id % 2 = 0")
    site.execute("UPDATE frames SET due_at = CAST(id / 5 AS INTEGER)")  # ties between parts
    waiting = discards.waiting
    begins: list[Waiting | None] = []

    def note(conn: Connection, *args: Any) -> list[Waiting]:
        begins.append(args[-1])
        return waiting(conn, *args)

    monkeypatch.setattr(discards, "waiting", note)
    camera = site.rows("SELECT task_id FROM frames WHERE id = 1")[0]["task_id"]
    report = discard_frames(site.runtime, Chosen(TYPO, camera))
    assert (report.discarded, report.waiting) == (6, 0)
    # A part finds no parked frame; the parts of pending frames begin where the part before ended.
    assert [place and place.id for place in begins[:5]] == [None, None, 3, 7, 11]
    left = site.rows("SELECT task_id FROM frames WHERE state = 'pending' OR state = 'parked'")
    assert [row["task_id"] for row in left] == ["other"] * 6


def test_frame_that_becomes_due_earlier_during_a_discard_is_discarded(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discard, "AT_ONCE", 2)
    site.record(6, TYPO)
    site.execute("UPDATE frames SET due_at = 100 + id")
    drop = admission_drops.Drops.drop

    def drop_while_one_is_hurried(*arguments: object) -> admission_drops.Dropped:
        dropped = drop(*arguments)  # type: ignore[arg-type]
        site.execute("UPDATE frames SET due_at = 1 WHERE id = 6")
        return dropped

    monkeypatch.setattr(admission_drops.Drops, "drop", drop_while_one_is_hurried)
    report = discard_frames(site.runtime, Chosen(TYPO))
    assert (report.discarded, report.waiting) == (6, 0)


def test_discard_out_of_time_leaves_the_remaining_frames_waiting(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discard, "AT_ONCE", 2)
    times = itertools.chain([100.0] * 4, itertools.repeat(131.0))
    monkeypatch.setattr(discard, "time", SimpleNamespace(monotonic=lambda: next(times)))
    site.record(5, TYPO)
    report = discard_frames(site.runtime, Chosen(TYPO), limit_sec=20.0)
    assert (report.discarded, report.waiting) == (4, 1)


def test_sweep_deletes_pictures_that_discard_had_no_time_to_delete(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.put_many(2, TYPO)
    site.scan()
    with monkeypatch.context() as patch:
        patch.setattr(admission_drops, "_CARRY_SEC", -1.0)
        patch.setattr(admission_drops, "_GROUP", 1)
        assert discard_frames(site.runtime, Chosen(TYPO)).discarded == 2
    assert len(site.pictures(TYPO)) == 1
    site.execute("UPDATE frames SET settled_at = settled_at - 60")
    sweep(site.runtime)
    assert site.pictures(TYPO) == []


def test_discard_without_a_task_type_is_refused(site: Installation) -> None:
    with pytest.raises(BadRequestError, match="task_type"):
        discard_frames(site.runtime, Chosen(""))
