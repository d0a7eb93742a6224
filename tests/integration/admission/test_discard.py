"""An operator gives up frames that wait: counted apart, pictures deleted, all others untouched."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import pytest

from easyai.db.discards import Chosen
from easyai.errors import BadRequestError
from easyai.pipeline import admission_drops, discard
from easyai.pipeline.discard import discard as discard_frames
from easyai.pipeline.operator_statistics import inference_stats
from easyai.tasks.sweep import sweep
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.site import TYPE, Installation

TYPO = "人数统记"


def _fates(site: Installation) -> list[tuple[str, str, str | None]]:
    return [(one["task_type"], one["state"], one["outcome"]) for one in site.frames()]


def test_waiting_frames_of_a_type_are_discarded_counted_and_their_pictures_deleted(
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
    told = inference_stats(site.runtime)
    assert (told["discarded_total"], told["dropped_total"], told["drop_rate"]) == (3, 0, 0)
    (event,) = site.rows("SELECT subject, text FROM events WHERE kind = 'frames_dropped'")
    assert (event["subject"], "discarded: 3 frames" in event["text"]) == (TYPO, True)


def test_a_dry_run_counts_and_changes_nothing(site: Installation) -> None:
    site.put_many(2, TYPO)
    site.scan()
    report = discard_frames(site.runtime, Chosen(TYPO), dry_run=True)
    assert (report.discarded, report.waiting) == (0, 2)
    assert {state for _, state, _ in _fates(site)} == {"parked"}
    assert len(site.pictures(TYPO)) == 2


def test_one_camera_is_discarded_and_others_wait_on(site: Installation) -> None:
    site.register(AlgorithmStub())
    site.put_many(2, camera="门口1")
    kept = site.put_many(2, camera="门口2")
    site.scan()
    assert discard_frames(site.runtime, Chosen(TYPE, "门口1")).discarded == 2
    left = [one["key"] for one in site.frames() if one["state"] == "pending"]
    assert left == kept
    assert site.pictures(TYPE) == kept


def test_frames_in_flight_and_failed_ones_stay(site: Installation) -> None:
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


def test_many_frames_go_in_several_transactions_and_later_ones_stay(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discard, "AT_ONCE", 2)
    drop = admission_drops.Drops.drop
    arrived: list[int] = []

    def drop_while_one_arrives(*arguments: object) -> admission_drops.Given:
        if not arrived:
            arrived.append(1)
            site.record(1, TYPO)
        return drop(*arguments)  # type: ignore[arg-type]

    site.record(5, TYPO)
    monkeypatch.setattr(admission_drops.Drops, "drop", drop_while_one_arrives)
    report = discard_frames(site.runtime, Chosen(TYPO))
    assert (report.discarded, report.waiting) == (5, 1)


def test_when_its_time_is_over_the_rest_waits_for_the_next_call(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discard, "AT_ONCE", 2)
    times = itertools.chain([100.0] * 4, itertools.repeat(131.0))
    monkeypatch.setattr(discard, "time", SimpleNamespace(monotonic=lambda: next(times)))
    site.record(5, TYPO)
    report = discard_frames(site.runtime, Chosen(TYPO), limit_sec=20.0)
    assert (report.discarded, report.waiting) == (4, 1)


def test_a_picture_that_the_store_keeps_now_is_deleted_by_the_sweep(
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


def test_without_a_type_nothing_is_given_up(site: Installation) -> None:
    with pytest.raises(BadRequestError, match="task_type"):
        discard_frames(site.runtime, Chosen(""))
