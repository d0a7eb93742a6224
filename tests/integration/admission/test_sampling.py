"""Of each camera every n-th frame is inferred; the others are counted and their pictures go."""

from __future__ import annotations

import time

import pytest

from easyai.db import statistics, task_types
from easyai.db.statistics import Tally
from easyai.pipeline import sampling
from easyai.pipeline.statistics import inference_stats
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.site import TYPE, Installation

FACES = "人脸"


@pytest.fixture(autouse=True)
def _look_at_every_scan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "_LOOK_EVERY_SEC", 0.0)


def _sample(site: Installation, value: str) -> None:
    site.configure(f'[ai_analysis.types."{TYPE}"]\nsampling = {value}')


def test_every_nth_frame_of_each_camera_waits_and_the_others_are_settled(
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


def test_the_count_goes_on_from_scan_to_scan_and_frames_are_found_once(
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


def test_a_name_that_was_sampled_out_can_be_used_again(site: Installation) -> None:
    site.register(AlgorithmStub())
    _sample(site, "2")
    site.put_many(2)
    site.scan()
    key = site.put_many(2)[1]
    site.scan()
    rows = site.rows("SELECT state FROM frames WHERE key = :key ORDER BY id", key=key)
    assert [row["state"] for row in rows] == ["dropped", "pending"]


def test_pictures_that_the_store_keeps_are_deleted_by_the_sweep(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.register(AlgorithmStub())
    _sample(site, "2")
    site.put_many(4)
    with monkeypatch.context() as patch:
        patch.setattr("easyai.pipeline.pictures._run", lambda store, errand: None)
        site.scan()
    assert len(site.pictures(TYPE)) == 4
    left = site.rows("SELECT id FROM frames WHERE image_target = '' AND image_path IS NULL")
    assert len(left) == 2
    site.scan()
    assert len(site.frames()) == 4


def _measured(
    site: Installation, monkeypatch: pytest.MonkeyPatch, found: int, processed: int
) -> None:
    """What the last seconds' statistics say."""
    now = 1_800_000_000.0 + 9.0  # 19 seconds are looked at
    monkeypatch.setattr(time, "time", lambda: now)
    with site.runtime.db.write() as conn:
        statistics.add(conn, {TYPE: Tally(found=found, processed=processed)}, now)


def _n(site: Installation) -> int:
    with site.runtime.db.read() as conn:
        return task_types.sampling(conn)[TYPE].n


def test_automatic_sampling_follows_the_rates_and_is_remembered_for_every_scanner(
    site: Installation, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    site.register(AlgorithmStub())
    site.record(200)
    _sample(site, '"auto"')
    site.scan()
    assert _n(site) == 1
    _measured(site, monkeypatch, found=19 * 30, processed=19 * 10)
    site.scan()
    assert _n(site) == 4
    site.scan()
    (event,) = site.rows("SELECT subject, text FROM events WHERE kind = 'sampling_changed'")
    assert event["subject"] == TYPE
    assert "one of 4 frames of each camera" in event["text"]
    assert "sampling changed: task_type=人数统计 n=4" in caplog.text
    (row,) = site.rows("SELECT capacity_per_sec AS c FROM task_types WHERE name = :t", t=TYPE)
    assert row["c"] == pytest.approx(10.0)
    site.put_many(8)
    site.scan()
    assert len(site.pictures(TYPE)) == 2


def test_an_outage_does_not_change_the_sampling(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.record(200)
    _sample(site, '"auto"')
    _measured(site, monkeypatch, found=19 * 30, processed=19 * 10)
    site.scan()
    assert _n(site) == 1
    assert site.count("parked") == 200


def test_a_type_without_the_setting_is_never_sampled_whatever_is_remembered(
    site: Installation,
) -> None:
    site.register(AlgorithmStub())
    site.record(1)
    site.execute("UPDATE task_types SET sampling_n = 50")
    site.put_many(5)
    site.scan()
    assert site.count("pending") == 6
