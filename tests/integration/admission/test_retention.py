"""Waiting and failed frames are kept as long as configured; a full disk drops parked frames."""

from __future__ import annotations

import time
from collections import Counter

import pytest

from easyai.db import camera_hours
from easyai.pipeline import retention
from easyai.pipeline.operator_statistics import inference_stats
from easyai.store.local import LocalStore
from easyai.tasks.sweep import sweep
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.clocks import step_clocks
from tests.support.site import TYPE, Installation

HOUR, DAY = 3600.0, 86_400.0


@pytest.fixture(autouse=True)
def _look_at_every_scan(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_WAITING_EVERY_SEC", "_FAILED_EVERY_SEC", "_DISK_EVERY_SEC"):
        monkeypatch.setattr(retention, name, 0.0)


def _age(site: Installation, key: str, seconds: float) -> None:
    site.execute("UPDATE frames SET due_at = :t WHERE key = :k", t=time.time() - seconds, k=key)


@pytest.mark.parametrize("served", [True, False])
def test_frames_past_outage_retention_are_dropped_and_counted(
    site: Installation, served: bool
) -> None:
    site.configure(outage_retention_hours=2)
    if served:
        site.register(AlgorithmStub())
    old, young = site.put_many(2)
    site.scan()
    _age(site, old, 2 * HOUR + 60)
    _age(site, young, 2 * HOUR - 60)
    site.scan()
    waits = "pending" if served else "parked"
    assert [frame["state"] for frame in site.frames()] == ["dropped", waits]
    assert site.frame(old)["outcome"] == "too_old"
    assert site.frame(old)["reason"] == "waited for 2 hours (outage_retention_hours)"
    assert site.pictures(TYPE) == [young]
    assert inference_stats(site.runtime)["dropped_by_reason"]["too_old"] == 1
    (event,) = site.rows("SELECT subject FROM events WHERE kind = 'frames_dropped'")
    assert event["subject"] == TYPE


@pytest.mark.parametrize("served", [True, False])
def test_retries_do_not_extend_outage_retention(site: Installation, served: bool) -> None:
    site.configure(outage_retention_hours=2)
    if served:
        site.register(AlgorithmStub())
    old, young = site.put_many(2)
    site.scan()
    for key, age in ((old, 2 * HOUR + 60), (young, 2 * HOUR - 60)):
        found_at = time.time() - age
        site.execute("UPDATE frames SET found_at = :t, tries = 9 WHERE key = :k", t=found_at, k=key)
    site.scan()
    waits = "pending" if served else "parked"
    assert [frame["state"] for frame in site.frames()] == ["dropped", waits]
    assert site.frame(old)["outcome"] == "too_old"


@pytest.mark.parametrize("tries", [0, 9])
def test_requeue_restarts_outage_retention(site: Installation, tries: int) -> None:
    site.configure(outage_retention_hours=2)
    site.put_many(2)
    site.scan()
    site.execute(
        "UPDATE frames SET found_at = 1, requeued_at = :t, due_at = :t, tries = :n",
        t=time.time() - 2 * HOUR + 60,
        n=tries,
    )
    site.scan()
    assert site.count("parked") == 2
    site.execute("UPDATE frames SET requeued_at = requeued_at - 120, due_at = due_at - 120")
    site.scan()
    assert site.count("dropped") == 2
    assert {frame["requeued_at"] for frame in site.frames()} == {None}


@pytest.mark.parametrize("tries", [0, 9])
def test_retried_and_requeued_frames_that_aged_unseen_restart_retention(
    site: Installation, tries: int
) -> None:
    site.configure(outage_retention_hours=2)
    site.put_many(2)
    site.scan()
    site.execute("UPDATE frames SET found_at = 1, due_at = 1, tries = :n", n=tries)
    site.execute("UPDATE frames SET requeued_at = 1 WHERE id = 2")
    for _ in range(2):
        site.scan()
    assert site.count("parked") == 2
    assert all(time.time() - frame["found_at"] < HOUR for frame in site.frames())
    found, requeued = (frame["requeued_at"] for frame in site.frames())
    assert found is None
    assert time.time() - requeued < HOUR, "it gives way to live ones still"


def test_retention_of_0_drops_no_frame(site: Installation) -> None:
    site.configure(outage_retention_hours=0, failed_retention_days=0)
    site.record(2)
    site.execute("UPDATE frames SET due_at = :t", t=time.time() - HOUR * 25)
    site.execute("UPDATE frames SET state = 'failed', settled_at = 1 WHERE id = 1")
    site.scan()
    assert (site.count("parked"), site.count("failed")) == (1, 1)


@pytest.mark.parametrize("state", ["pending", "parked"])
def test_retention_restarts_for_frames_that_aged_unseen(
    site: Installation, state: str, caplog: pytest.LogCaptureFixture
) -> None:
    # The box was off for days, or the clock jumped forward.
    site.register(AlgorithmStub())
    site.record(3)
    site.execute(f"UPDATE frames SET state = '{state}', due_at = :t", t=time.time() - 3 * DAY)
    site.scan()
    site.scan()
    assert (site.count(state), site.count("dropped")) == (3, 0)
    assert all(abs(frame["due_at"] - time.time()) < 60 for frame in site.frames())
    assert caplog.text.count("frames reached their retention unseen") == 1


@pytest.mark.parametrize("state", ["pending", "parked"])
def test_frames_that_aged_unseen_stay_when_retention_runs_out_of_time(
    site: Installation, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_BUDGET_SEC", 0.0)
    site.register(AlgorithmStub())
    site.record(3)
    site.execute(f"UPDATE frames SET state = '{state}', due_at = :t", t=time.time() - 3 * DAY)
    site.execute("UPDATE frames SET due_at = :t WHERE id = 1", t=time.time() - 24.5 * HOUR)
    site.scan()
    assert [frame["state"] for frame in site.frames()] == ["dropped", state, state]


def test_clock_jump_of_a_day_and_back_drops_no_frame(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    offset = step_clocks(monkeypatch)
    site.put_many(3)
    for offset[0] in (0.0, 26 * HOUR, 0.0, -26 * HOUR, 0.0):
        site.scan()
        sweep(site.runtime)
    assert site.count("parked") == 3
    assert len(site.pictures(TYPE)) == 3


def _fail(site: Installation, name: str, days: float) -> str:
    path = f"failed/{TYPE}/门口1/{name}"
    site.record(1)
    (site.snapshots / path).parent.mkdir(parents=True, exist_ok=True)
    (site.snapshots / site.frames()[-1]["key"]).rename(site.snapshots / path)
    site.execute(
        "UPDATE frames SET state = 'failed', outcome = 'failed', settled_at = :t, due_at = :t,"
        " image_path = :p WHERE state IN ('pending', 'parked')",
        t=time.time() - days * DAY,
        p=path,
    )
    return path


def test_failed_frames_past_retention_are_dropped_with_their_picture(
    site: Installation,
) -> None:
    site.configure(failed_retention_days=30)
    _fail(site, "old.jpg", 30.1)
    young = _fail(site, "young.jpg", 29.9)
    site.scan()
    assert [frame["state"] for frame in site.frames()] == ["dropped", "failed"]
    assert site.frames()[0]["outcome"] == "too_old"
    assert site.pictures("failed") == [young]


def test_failed_frame_that_is_dropped_counts_once_for_its_camera(site: Installation) -> None:
    site.configure(failed_retention_days=2)
    _fail(site, "old.jpg", 2.1)
    _fail(site, "young.jpg", 1.9)
    failed = [frame["settled_at"] for frame in site.frames()]
    with site.runtime.db.write() as conn:
        hours = [(camera_hours.hour_of(at), "门口1", TYPE, "failed") for at in failed]
        camera_hours.add_by_hour(conn, Counter(hours))
    site.scan()
    with site.runtime.db.read() as conn:
        now = camera_hours.hour_of(time.time())
        counts = camera_hours.of_camera(conn, "门口1", range(now - 72, now + 1))
    assert [outcome for _, outcome in sorted(counts)] == ["failed", "too_old"]
    assert set(counts.values()) == {1}


def test_failed_frames_that_aged_unseen_are_kept_for_another_retention(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fail(site, "a.jpg", 40)
    failed_at = site.frames()[0]["settled_at"]
    site.scan()
    site.scan()
    assert (site.count("failed"), len(site.pictures("failed"))) == (1, 1)
    assert site.frames()[0]["settled_at"] == failed_at
    step_clocks(monkeypatch)[0] = 30.1 * DAY
    site.scan()
    assert (site.count("dropped"), site.pictures("failed")) == (1, [])


def _full_disk(site: Installation, monkeypatch: pytest.MonkeyPatch, per_picture: float) -> None:
    """Each picture takes `per_picture` percent of the disk."""

    def free(store: LocalStore) -> float:
        return 100.0 - per_picture * len(site.pictures(""))

    monkeypatch.setattr(LocalStore, "free_percent", free)


def test_full_disk_drops_the_oldest_parked_frames_only(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_DISK_GROUP", 3)
    site.configure(disk_min_free_percent=5)
    keys = site.put_many(12)
    site.scan()
    for number, key in enumerate(keys):
        _age(site, key, 100 - number)
    site.register(AlgorithmStub(task_types=("人脸",)))
    live = site.put_many(8, "人脸")
    _full_disk(site, monkeypatch, 5.0)
    site.scan()
    # 20 pictures leave nothing free; three dropped leave 15 %.
    assert site.pictures(TYPE) == keys[3:]
    assert site.pictures("人脸") == live
    assert {site.frame(key)["outcome"] for key in keys[:3]} == {"disk_low"}
    assert inference_stats(site.runtime)["dropped_by_reason"]["disk_low"] == 3
    site.scan()
    assert site.count("dropped") == 3


def test_full_disk_without_parked_frames_drops_nothing(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.register(AlgorithmStub())
    site.put_many(5)
    monkeypatch.setattr(LocalStore, "free_percent", lambda store: 0.0)
    site.scan()
    assert site.count("pending") == 5


def test_full_disk_stops_dropping_when_pictures_cannot_be_deleted(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_DISK_GROUP", 2)
    site.put_many(10)
    site.scan()
    monkeypatch.setattr(LocalStore, "free_percent", lambda store: 0.0)
    monkeypatch.setattr("easyai.pipeline.picture_moves._run", lambda store, move: None)
    site.scan()
    assert site.count("dropped") == 2


@pytest.mark.parametrize("free", [None, 5.0])
def test_store_with_enough_or_unknown_free_space_drops_nothing(
    site: Installation, monkeypatch: pytest.MonkeyPatch, free: float | None
) -> None:
    site.put_many(5)
    site.scan()
    monkeypatch.setattr(LocalStore, "free_percent", lambda store: free)
    site.scan()
    assert site.count("parked") == 5


def test_local_store_returns_the_free_percentage_of_its_disk(site: Installation) -> None:
    free = site.runtime.store.free_percent()
    assert free is not None
    assert 0 <= free <= 100
