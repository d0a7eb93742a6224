"""Sampling infers every n-th frame of a camera, counts the others and deletes their pictures."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from easyai.db import statistics, task_types
from easyai.db.statistics import Tally
from easyai.pipeline import scan_sampling
from easyai.pipeline.operator_statistics import inference_stats
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.clocks import set_clocks
from tests.support.site import TYPE, Installation

FACES = "人脸"


@pytest.fixture(autouse=True)
def _adapt_at_every_scan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan_sampling, "_ADAPT_EVERY_SEC", 0.0)


def _sample(site: Installation, value: str) -> None:
    site.configure(f'[ai_analysis.types."{TYPE}"]\nsampling = {value}')


def test_sampling_keeps_every_nth_frame_of_each_camera_and_settles_the_rest(
    site: Installation,
) -> None:
    site.register(AlgorithmStub(task_types=(TYPE, FACES)))
    _sample(site, "3")
    first = site.put_many(7, camera="a")
    second = site.put_many(4, camera="b")
    others = site.put_many(5, FACES)
    report = site.scan()
    assert report.new_frames == 16
    kept = [first[0], first[3], first[6], second[0], second[3]]
    assert site.pictures(TYPE) == kept
    assert site.pictures(FACES) == others
    pending = {frame["key"] for frame in site.frames() if frame["state"] == "pending"}
    assert pending == {*kept, *others}
    gone = site.frame(first[1])
    assert (gone["state"], gone["outcome"]) == ("dropped", "sampled")
    assert (gone["image_path"], gone["image_target"]) == ("", None)
    stats = inference_stats(site.runtime)
    assert (stats["sampled_total"], stats["dropped_total"]) == (6, 0)


def test_sampling_count_continues_over_scans_and_counts_each_frame_once(
    site: Installation,
) -> None:
    site.register(AlgorithmStub())
    _sample(site, "4")
    for number in range(9):
        site.put(f"{TYPE}/a/{number}.jpg")
        site.scan()
        site.scan()
    assert [frame["state"] for frame in site.frames()] == (["pending"] + ["dropped"] * 3) * 2 + [
        "pending"
    ]


def test_name_of_a_sampled_out_frame_can_be_reused(site: Installation) -> None:
    site.register(AlgorithmStub())
    _sample(site, "2")
    site.put_many(2)
    site.scan()
    key = site.put_many(2)[1]
    site.scan()
    rows = site.rows("SELECT state FROM frames WHERE key = :key ORDER BY id", key=key)
    assert [row["state"] for row in rows] == ["dropped", "pending"]


def test_undeleted_pictures_of_sampled_out_frames_stay_recorded_for_deletion(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.register(AlgorithmStub())
    _sample(site, "2")
    site.put_many(4)
    with monkeypatch.context() as patch:
        patch.setattr("easyai.pipeline.picture_moves._run", lambda store, move: None)
        site.scan()
    assert len(site.pictures(TYPE)) == 4
    left = site.rows("SELECT id FROM frames WHERE image_target = '' AND image_path IS NULL")
    assert len(left) == 2
    site.scan()
    assert len(site.frames()) == 4


def _overloaded(site: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the last 19 s, 25 frames a second were found and 15 inferred; the oldest waits for 6 s."""
    now = 1_800_000_000.0 + 9.0
    set_clocks(monkeypatch, lambda: now)
    with site.runtime.db.write() as conn:
        statistics.add(conn, {TYPE: Tally(found=19 * 25, processed=19 * 15)}, now)
    site.execute("UPDATE frames SET due_at = :due WHERE state = 'pending'", due=now - 6)


def _n(site: Installation) -> int:
    with site.runtime.db.read() as conn:
        return task_types.sampling(conn)[TYPE].n


def test_automatic_sampling_follows_the_queue_and_is_stored_for_every_scanner(
    site: Installation, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    site.register(AlgorithmStub(), max_concurrency=4)
    site.record(200)
    site.lease()
    _sample(site, '"auto"')
    site.scan()
    assert _n(site) == 1
    _overloaded(site, monkeypatch)
    site.scan()
    assert _n(site) == 2
    site.put_many(8)
    site.scan()
    assert len(site.pictures(TYPE)) == 200 + 4
    (event,) = site.rows(
        "SELECT subject, text FROM events WHERE kind = 'sampling_changed' AND text LIKE '%of 1:%'"
    )
    assert event["subject"] == TYPE
    assert event["text"] == (
        "1 of 2 frames of each camera is inferred, before that 1 of 1: "
        "25.0 found and 15.0 inferred per second, 196 waiting"
    )
    assert "sampling changed: task_type=人数统计 n=2" in caplog.text
    (row,) = site.rows("SELECT capacity_per_sec AS c FROM task_types WHERE name = :t", t=TYPE)
    assert row["c"] >= 12.5


@pytest.mark.parametrize(("ago_sec", "n"), [(14.0, 2), (16.0, 1)])
def test_old_count_of_waiting_frames_does_not_raise_sampling(
    site: Installation, monkeypatch: pytest.MonkeyPatch, ago_sec: float, n: int
) -> None:
    site.register(AlgorithmStub(), max_concurrency=4)
    site.record(200)
    site.lease()
    _sample(site, '"auto"')
    site.scan()
    _overloaded(site, monkeypatch)
    # So recent that a lasting queue is no reason for a change yet.
    site.execute("UPDATE task_types SET sampling_changed_at = :at", at=time.time() - 10)
    # Other workers have scanned since.
    clock = SimpleNamespace(time=time.time, monotonic=lambda: time.monotonic() + ago_sec)
    monkeypatch.setattr(scan_sampling, "time", clock)
    site.scan()
    assert _n(site) == n


def test_frames_waiting_beside_free_places_do_not_raise_sampling(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.register(AlgorithmStub(), max_concurrency=4)
    site.record(200)
    held = site.lease(most=3)
    _sample(site, '"auto"')
    site.scan()
    _overloaded(site, monkeypatch)
    site.scan()
    assert (len(held.frames), _n(site)) == (3, 1)


@pytest.mark.parametrize("limit", ["max_concurrent_infer = 4", "types"])
def test_limits_of_the_settings_bound_the_places_for_sampling(
    site: Installation, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    site.register(AlgorithmStub())
    own = "max_concurrent = 4" if limit == "types" else ""
    analysis = {} if limit == "types" else {"max_concurrent_infer": 4}
    site.configure(f'[ai_analysis.types."{TYPE}"]\nsampling = "auto"\n{own}', **analysis)
    site.record(200)
    assert len(site.lease().frames) == 4
    site.scan()
    _overloaded(site, monkeypatch)
    site.scan()
    assert _n(site) == 2


def test_outage_does_not_change_sampling(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.record(200)
    _sample(site, '"auto"')
    site.scan()
    _overloaded(site, monkeypatch)
    site.scan()
    assert _n(site) == 1
    assert site.count("parked") == 200


def test_sampling_returns_to_1_when_no_frames_arrive(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.register(AlgorithmStub())
    site.record(1)
    site.lease()
    _sample(site, '"auto"')
    site.execute("UPDATE task_types SET sampling_n = 50, capacity_per_sec = 3.0")
    site.scan()
    assert _n(site) == 1


def test_type_without_the_sampling_setting_is_never_sampled(
    site: Installation,
) -> None:
    site.register(AlgorithmStub())
    site.record(1)
    site.execute("UPDATE task_types SET sampling_n = 50")
    site.put_many(5)
    site.scan()
    assert site.count("pending") == 6
