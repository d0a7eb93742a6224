"""Intake: every picture becomes a single frame; all other files are left alone."""

from __future__ import annotations

import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from easyai.db import recorded_frames
from easyai.db.recorded_frames import NewFrame
from easyai.errors import StoreUnavailableError
from easyai.pipeline.intake import Scanner
from easyai.store import complete_picture, local_watch
from tests.support.algorithm_stub import AlgorithmStub, Frame, detections
from tests.support.site import JPEG, TYPE, Installation
from tests.support.waiting import wait_until

KEY = f"{TYPE}/门口1/1.jpg"


def test_new_picture_is_recorded_once(site: Installation, caplog: pytest.LogCaptureFixture) -> None:
    site.put(KEY)
    site.put(f"{TYPE}/门口2/a/b/2.PNG", b"\x89PNG\r\n\x1a\n....IEND\xaeB`\x82")
    with caplog.at_level("INFO"):
        reports = [site.scan() for _ in range(3)]
    assert [report.new_frames for report in reports] == [2, 0, 0]
    assert [report.waiting for report in reports] == [[TYPE]] * 3
    assert [frame["state"] for frame in site.frames()] == ["parked"] * 2
    assert caplog.text.count("found new images") == 1


def test_files_that_are_no_frames_are_left_alone(
    site: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    for key in (
        f"{TYPE}/门口1/preview_1.jpg",
        f"{TYPE}/门口1/algo_config.json",
        f"{TYPE}/门口1/.hidden.jpg",
        f"{TYPE}/.trash/1.jpg",
        f"{TYPE}/门口1/notes.txt",
        f"alerts/{TYPE}/门口1/1.jpg",
        f"failed/{TYPE}/门口1/1.jpg",
        f"{TYPE}/too-high.jpg",
        "much-too-high.jpg",
    ):
        site.put(key)
    for _ in range(2):
        report = site.scan()
    assert site.frames() == []
    assert (report.new_frames, report.strays, report.waiting) == (0, 2, [])
    assert caplog.text.count("pictures outside <task_type>/<task_id>/") == 1


def test_half_written_picture_is_recorded_once_it_is_complete(site: Installation) -> None:
    site.configure(frame_stable_sec=3600.0)
    site.put(KEY, JPEG[:-2])
    assert (site.scan().half_written, site.frames()) == (1, [])
    site.put(KEY)
    assert site.scan().new_frames == 1


def test_picture_without_an_end_mark_is_recorded_once_it_is_stable(site: Installation) -> None:
    for modified_at in (time.time() - 1000, time.time() + 1000):
        site.put(KEY, b"no jpeg at all %f" % modified_at, modified_at=modified_at)
        assert (site.scan().half_written, site.count("parked")) == (1, 0)
        wait_until(lambda: site.scan().new_frames == 1, 5, "taken in")
        site.execute("DELETE FROM frames")


def test_reused_name_after_settling_is_a_new_frame(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    algorithm.answer = lambda frame: detections(0)
    site.register(algorithm)
    loop = site.loop()
    for turn in range(3):
        site.put(KEY, JPEG.replace(b"picture", b"turn %02d" % turn))
        site.work(loop)
    assert [frame["outcome"] for frame in site.frames()] == ["no_detection"] * 3
    assert algorithm.count == 3
    assert site.pictures("") == []


def test_picture_overwritten_during_inference_is_a_new_frame(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    newer = JPEG.replace(b"picture", b"another")

    def overwrite(frame: Frame) -> Any:
        if algorithm.count == 1:
            site.put(KEY, newer)
        return detections(0)

    algorithm.answer = overwrite
    site.register(algorithm)
    site.put(KEY, modified_at=1_700_000_000.0)
    loop = site.loop()
    site.work(loop)
    assert site.pictures("") == [KEY]
    site.work(loop)
    first, second = site.frames()
    # The picture under inference is held under its own name.
    assert [(frame["outcome"], frame["reason"]) for frame in (first, second)] == [
        ("no_detection", None)
    ] * 2
    assert algorithm.count == 2


def test_thousands_of_pictures_are_each_recorded_once(
    site: Installation,
) -> None:
    site.put_many(1050, camera="门口1")
    site.put_many(1050, camera="门口2")
    assert site.scan().new_frames == 2100
    site.put(f"{TYPE}/门口3/late.jpg")
    assert site.scan().new_frames == 1
    assert site.scan().new_frames == 0
    assert len({frame["key"] for frame in site.frames()}) == 2101


def test_reused_name_is_found_among_thousands_of_pictures(site: Installation) -> None:
    site.put_many(2010)
    site.scan()
    key = f"{TYPE}/门口1/00007.jpg"
    site.put(key, JPEG + b"another" + JPEG[-2:])
    assert site.scan().new_frames == 0  # the previous picture still waits
    site.execute("UPDATE frames SET state = 'done', image_path = '' WHERE key = :key", key=key)
    wait_until(lambda: site.scan().new_frames == 1, 5, "the next picture of that name is found")


def test_frames_found_together_are_recorded_in_order_of_capture(site: Installation) -> None:
    for name in ("20251114-164712.618", "20251114-164711.5", "20251113-235959", "zzz", "aaa"):
        site.put(f"{TYPE}/门口1/{name}.jpg", modified_at=1_700_000_000.0)
    site.scan()
    in_order = [frame["key"].rpartition("/")[2] for frame in site.frames()]
    assert in_order == [
        "aaa.jpg",  # by its modification time, in 2023
        "zzz.jpg",
        "20251113-235959.jpg",
        "20251114-164711.5.jpg",
        "20251114-164712.618.jpg",
    ]


def test_concurrent_scanners_record_each_picture_once(site: Installation) -> None:
    site.put_many(400)
    scanners = [Scanner(site.open()) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(Scanner.scan, scanners))
    keys = [frame["key"] for frame in site.frames()]
    assert len(keys) == len(set(keys)) == 400


@pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True)
def test_scan_waits_while_another_transaction_records_frames(site: Installation) -> None:
    # Otherwise a lower id becomes visible after a higher id that other scans have already read.
    site.put(KEY)
    with ThreadPoolExecutor(1) as pool:
        with site.runtime.db.write() as conn:
            recorded_frames.record_alone(conn)
            scan = pool.submit(site.scan)
            with pytest.raises(TimeoutError):
                scan.result(1.0)
        assert scan.result(20).new_frames == 1


@pytest.mark.parametrize("migrated_url", ["postgresql"], indirect=True)
def test_picture_inferred_while_a_scan_waits_is_not_recorded_again(
    site: Installation,
) -> None:
    site.put(KEY)
    version = site.runtime.store.version(KEY) or ""
    with ThreadPoolExecutor(1) as pool:
        with site.runtime.db.write() as conn:
            recorded_frames.record_alone(conn)
            scan = pool.submit(site.scan)
            with pytest.raises(TimeoutError):
                scan.result(1.0)
            recorded_frames.add(
                conn, [NewFrame(KEY, TYPE, "门口1", version, 0.0, None)], time.time()
            )
            conn.exec_driver_sql("UPDATE frames SET state = 'done', image_path = ''")
        assert scan.result(20).new_frames == 0


@pytest.mark.parametrize("count", [0, 1])
def test_picture_inferred_during_another_scan_is_not_recorded_again(
    site: Installation, algorithm: AlgorithmStub, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    # Two scans at once, as when a process was stopped for longer than its claim lasts.
    algorithm.answer = lambda frame: detections(count)
    site.register(algorithm)
    site.put(KEY)
    slow = Scanner(site.open())
    look = slow._watch.whole_pictures

    def look_then_stand_still(*arguments: Any) -> Any:
        pictures = look(*arguments)
        assert [picture.key for picture in pictures] == [KEY]
        site.work(site.loop())
        return pictures

    monkeypatch.setattr(slow._watch, "whole_pictures", look_then_stand_still)
    assert slow.scan().new_frames == 0
    assert (len(site.frames()), algorithm.count, len(site.alerts())) == (1, 1, count)


def test_unlistable_folder_does_not_stop_the_scan_of_others(
    site: Installation, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    site.put(f"{TYPE}/锁/1.jpg")
    site.put(KEY)
    listing = os.scandir

    def refuse(path: Any) -> Any:
        if str(path).endswith("锁"):
            raise PermissionError(13, "Permission denied")
        return listing(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert [site.scan().new_frames, site.scan().new_frames] == [1, 0]
    assert caplog.text.count("cannot be listed: Permission denied") == 1
    monkeypatch.undo()
    assert site.scan().new_frames == 1


def test_missing_store_raises_store_unavailable_until_it_returns(site: Installation) -> None:
    site.put(KEY)
    site.scan()
    site.snapshots.rename(site.folder / "away")
    with pytest.raises(StoreUnavailableError, match="frame folder"):
        site.scan()
    assert site.count("parked") == 1
    (site.folder / "away").rename(site.snapshots)
    site.put(f"{TYPE}/门口1/2.jpg")
    assert site.scan().new_frames == 1


def test_pictures_deleted_during_a_scan_do_not_fail_it(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.put_many(5)
    look = complete_picture.ends_as_it_should

    def vanish(path: str, version: str) -> bool:
        if path.endswith("00002.jpg"):
            shutil.rmtree(site.snapshots / TYPE)
        return look(path, version)

    monkeypatch.setattr(local_watch, "ends_as_it_should", vanish)
    assert site.scan().new_frames < 5


def test_scan_finds_no_frames_and_logs_it_while_inference_is_off(
    site: Installation, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = "scanning is switched off: ai_analysis.enable = false; frames stay in the store"
    site.put(KEY)
    site.configure(enable=False)
    for _ in range(3):
        assert site.scan().new_frames == 0
    assert caplog.text.count(words) == 1
    switched_off = site.runtime.part(Scanner)._switched_off
    monkeypatch.setattr(switched_off, "_every_sec", 0.0)  # an hour later
    site.scan()
    assert caplog.text.count(words) == 2
    site.configure(enable=True)
    wait_until(lambda: site.scan().new_frames == 1, 5, "found after switching on")
