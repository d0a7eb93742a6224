"""The scan keeps its interval: lists in pages, records a backlog in pieces, idles cheaply."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from easyai.domain.arrivals import natural
from easyai.pipeline import intake
from easyai.pipeline.intake import Scanner
from easyai.settings.schema import TRIPWIRE
from easyai.store import local_tree
from easyai.store.file_systems import FolderTimes
from tests.support.site import JPEG, TYPE, Installation
from tests.support.waiting import wait_until

KEY = f"{TYPE}/门口1/1.jpg"


def test_new_frames_of_many_cameras_are_recorded_in_few_transactions(site: Installation) -> None:
    inserts: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "INSERT INTO statistics" in statement:
            inserts.append(statement)

    for camera in range(200):
        site.put(f"{TYPE}/{camera}/1.jpg")
    event.listen(site.runtime.db.engine, "before_cursor_execute", note)
    assert site.scan().new_frames == 200
    event.remove(site.runtime.db.engine, "before_cursor_execute", note)
    assert len(inserts) <= 3  # an insert per transaction


def test_scan_records_live_frames_first_and_a_backlog_in_pieces(
    site: Installation,
) -> None:
    site.configure(scan_interval_sec=0.05)
    site.put_many(3000)
    first = intake.scan(site.runtime)
    while not first.new_frames:
        first = intake.scan(site.runtime)
    assert first.new_frames < 3000
    assert first.more
    site.put(f"{TYPE}/门口1/99999.jpg")
    for _ in range(3):
        intake.scan(site.runtime)
        if found := site.rows("SELECT id FROM frames WHERE key LIKE '%/99999.jpg'"):
            break
    assert found
    assert site.count("parked") + site.count("pending") < 3001
    site.scan()
    assert len({frame["key"] for frame in site.frames()}) == 3001


@pytest.mark.sqlite_only
def test_backlog_of_half_written_pictures_does_not_delay_live_frames(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "_PAGE", 50)
    site.configure(frame_stable_sec=0.5)
    for number in range(1500):
        site.put(f"{TYPE}/旧/{number}.jpg", JPEG[:-2])  # without its end mark
    site.put(f"{TYPE}/门口1/0.jpg")
    scanner = Scanner(site.runtime)
    wait_until(lambda: scanner.scan().half_written >= 1000, 10, "nearly all were looked at once")
    time.sleep(0.6)
    site.configure(frame_stable_sec=0.5, scan_interval_sec=0.05)
    site.put(f"{TYPE}/门口1/1.jpg")
    for _ in range(2):
        scanner.scan()
    assert site.rows("SELECT id FROM frames WHERE key LIKE '%/门口1/1.jpg'")
    assert len(site.frames()) < 1000, "the others were no backlog"
    site.configure()
    wait_until(lambda: scanner.scan() and len(site.frames()) == 1502, 20, "all are taken in")


def test_backlog_in_day_folders_is_recorded_in_order_of_days(
    site: Installation,
) -> None:
    site.configure(scan_interval_sec=0.05)
    days = [f"门口1/{day}" for day in (*range(20251101, 20251131), 9, 10)]
    keys = [key for day in sorted(days, reverse=True) for key in site.put_many(2, TRIPWIRE, day)]
    listed: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        # Each piece ends after a folder.
        patch.setattr(intake, "_LONGEST_PIECE_SEC", 0.0)
        while len(listed) < len(days) + 3:
            listed.append(intake.scan(site.runtime).new_frames)
    site.scan()
    taken_in = [row["key"] for row in site.rows("SELECT key FROM frames ORDER BY id")]
    assert taken_in == sorted(keys, key=natural)
    assert max(listed) == 2


@pytest.mark.sqlite_only
def test_unchanged_folder_is_not_listed_again(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_tree, "_SETTLE_SEC", 0.0)
    for camera in range(50):
        site.put(f"{TYPE}/{camera}/1.jpg")
    site.scan()
    listed: list[str] = []
    listing = os.scandir

    def note(path: Any) -> Any:
        listed.append(str(path))
        return listing(path)

    monkeypatch.setattr(os, "scandir", note)
    site.scan()
    assert listed == []
    site.put(f"{TYPE}/7/2.jpg")
    assert site.scan().new_frames == 1
    assert listed == [f"{site.snapshots}/{TYPE}/7"]
    monkeypatch.setattr(local_tree, "LIST_AGAIN_SEC", 0.0)
    site.scan()
    monkeypatch.setattr(
        FolderTimes, "trusted", lambda *_: False
    )  # a folder of a network file system
    listed.clear()
    site.scan()
    assert len(listed) >= 51


@pytest.mark.sqlite_only
def test_picture_rewritten_in_place_is_found_after_the_last_has_settled(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_tree, "_SETTLE_SEC", 0.0)
    path = site.put(KEY)
    assert site.scan().new_frames == 1
    path.write_bytes(JPEG[:-2] + b"another" + JPEG[-2:])  # the times of its folder do not change
    assert site.scan().new_frames == 0
    site.execute("UPDATE frames SET state = 'done', outcome = 'superseded', image_path = ''")
    wait_until(lambda: site.scan().new_frames == 1, 5, "the picture written since is found")


@pytest.mark.sqlite_only
@pytest.mark.parametrize("ahead_sec", [-3600.0, 0.0, 3600.0])
def test_slowly_written_picture_is_recorded_complete(site: Installation, ahead_sec: float) -> None:
    # Whatever its modification time: by a file server's clock, or as the writer sets it.
    site.configure(frame_stable_sec=1.0)
    path = site.snapshots / KEY
    path.parent.mkdir(parents=True)
    size, pieces = 60_456, 10

    def write() -> None:
        with path.open("wb", buffering=0) as file:
            time.sleep(0.2)
            for _ in range(pieces):
                file.write(bytes(size // pieces))
                os.utime(path, (time.time() + ahead_sec,) * 2)
                time.sleep(0.2)
            file.write(bytes(size % pieces))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        wait_until(lambda: site.scan().new_frames == 1, 30, "the picture is taken in")
    finally:
        writer.join()
    (frame,) = site.frames()
    assert frame["version"].endswith(f"-{size}")
    assert abs(frame["captured_at"] - time.time()) < 3700


@pytest.mark.sqlite_only
@pytest.mark.parametrize("date", ["20251114", "2025-11-14"])
def test_first_level_folder_of_dates_is_reported_and_left_alone(
    site: Installation, caplog: pytest.LogCaptureFixture, date: str
) -> None:
    site.put(f"{date}/门口1/1.jpg")
    site.put(KEY)
    for _ in range(2):
        report = site.scan()
    assert (report.dated, [frame["key"] for frame in site.frames()]) == (1, [KEY])
    assert site.rows("SELECT name FROM task_types") == [{"name": TYPE}]
    assert caplog.text.count("dates come below them: <task_type>/<task_id>/") == 1
    (event,) = site.rows("SELECT subject FROM events WHERE kind = 'layout_by_date'")
    assert event["subject"] == f"{date}/"
    assert (site.snapshots / f"{date}/门口1/1.jpg").exists()
    site.configure(f'[ai_analysis.types."{date}"]\npriority = 1\n')  # so the folder is a task type
    site.put(f"{date}/门口1/2.jpg")
    wait_until(lambda: site.scan().new_frames > 0, 5, "a type that the settings name is taken in")


@pytest.mark.sqlite_only
def test_scanner_forgets_removed_folders_and_pictures(site: Installation, tmp_path: Path) -> None:
    scanner = Scanner(site.runtime)
    for camera in range(20):
        site.put(f"{TYPE}/{camera}/1.jpg", b"half")
    while scanner.scan().more:
        pass
    watch: Any = scanner._watch
    assert (len(watch._tree._folders), len(watch.unfinished)) == (22, 20)
    (site.snapshots / TYPE).rename(tmp_path / "away")
    for _ in range(3):
        scanner.scan()
    assert (len(watch._tree._folders), len(watch.unfinished)) == (1, 0)


@pytest.mark.sqlite_only
def test_listing_a_backlog_is_bounded_in_memory_and_finds_live_frames(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "_MOST_WAITING", 100)
    monkeypatch.setattr(intake, "_PAGE", 5)
    monkeypatch.setattr(intake, "_LONGEST_PIECE_SEC", 0.0)  # a folder and a page per scan
    for camera in range(20):
        site.put_many(30, camera=str(camera))
    scanner, waiting = Scanner(site.runtime), []

    def scan(times: int) -> None:
        for _ in range(times):
            scanner.scan()
            waiting.append(len(scanner._arrivals))

    scan(30)
    for live in ("0/live.jpg", "0/20251114/new-day.jpg", "new-camera/1.jpg"):
        site.put(f"{TYPE}/{live}")
        scan(15)
        assert site.rows(f"SELECT id FROM frames WHERE key LIKE '%/{live}'")
        assert waiting[-1] > 90
    while scanner.scan().more and len(waiting) < 1000:
        waiting.append(len(scanner._arrivals))
    assert len(site.frames()) == 603
    assert 100 <= max(waiting) <= 135
