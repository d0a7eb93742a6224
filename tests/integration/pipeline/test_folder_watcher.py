"""The watcher of a folder takes pictures in without a scan, heals, and loses none."""

from __future__ import annotations

import errno
import logging
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import pytest

from easyai.db import clock
from easyai.db.recorded_frames import NewFrame
from easyai.domain.frame import KeyRules
from easyai.errors import DatabaseUnavailableError
from easyai.pipeline.recording import Recording
from easyai.runtime import Runtime
from easyai.store.folder_events import FolderEvents
from easyai.store.frame_store import Picture
from easyai.system.inotify import Inotify
from easyai.tasks import folder_watcher, intake_thread
from easyai.tasks.folder_watcher import FolderWatcher
from easyai.tasks.process import WorkerProcess
from tests.integration.pipeline import watching_process
from tests.support.algorithm_stub import AlgorithmStub, detections
from tests.support.site import JPEG, TYPE, Installation
from tests.support.waiting import wait_until

KEY = f"{TYPE}/门口1/1.jpg"


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Check and try again every 0.1 s."""
    monkeypatch.setattr(folder_watcher, "_CHECK_EVERY_SEC", 0.1)
    monkeypatch.setattr(intake_thread, "RETRY_SEC", 0.1)


@contextmanager
def _watching(
    runtime: Runtime,
    record: Callable[[Recording, Sequence[Picture]], Sequence[NewFrame]] = Recording.record,
) -> Iterator[FolderWatcher]:
    watcher = FolderWatcher(lambda: runtime, record)
    watcher.start()
    try:
        yield watcher
    finally:
        watcher.stop()


def _keys(site: Installation) -> list[str]:
    return [frame["key"] for frame in site.frames()]


def _is_called(calls: list[int], number: int) -> bool:
    return len(calls) == number


def _watched(site: Installation) -> bool:
    return bool(site.rows("SELECT 1 FROM process_leases WHERE name = 'watch' AND expires_at > 0"))


def test_picture_is_recorded_without_a_scan(site: Installation) -> None:
    with _watching(site.runtime):
        wait_until(lambda: _watched(site), 5, "watched")
        site.put(KEY)
        wait_until(lambda: _keys(site) == [KEY], 5, "recorded")
        site.put_many(300, camera="门口2")
        wait_until(lambda: len(_keys(site)) == 301, 10, "all recorded")
    assert site.scan().new_frames == 0


def _expires_at(site: Installation) -> float:
    rows = site.rows("SELECT expires_at FROM process_leases WHERE name = 'watch'")
    return float(rows[0]["expires_at"]) if rows else 0.0


def test_lease_of_the_watcher_is_renewed(site: Installation) -> None:
    with _watching(site.runtime):
        wait_until(lambda: _watched(site), 5, "watched")
        first = _expires_at(site)
        wait_until(lambda: _expires_at(site) > first, 5, "renewed")


def test_lease_is_released_when_the_watcher_stops(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_watcher, "_CHECK_EVERY_SEC", 60.0)
    with _watching(site.runtime):
        wait_until(lambda: _watched(site), 5, "watched")
    assert _expires_at(site) == 0


def test_folders_are_not_walked_again_while_the_database_is_down(
    site: Installation, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    walks, asked = _count_walks(monkeypatch), []

    def fail(*_: object) -> float:
        asked.append(1)
        raise DatabaseUnavailableError

    with monkeypatch.context() as down:
        down.setattr(clock, "now", fail)
        with _watching(site.runtime):
            wait_until(lambda: len(asked) >= 3, 5, "tried again")
    assert (walks, len(caplog.records)) == ([], 1)


def test_limit_of_watches_is_logged_once_and_tried_again_without_a_pause(
    site: Installation, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    add = Inotify.add

    def limited(queue: Inotify, path: str, mask: int) -> int:
        if path.endswith("门口3"):
            raise OSError(errno.ENOSPC, "No space left on device")
        return add(queue, path, mask)

    (site.snapshots / TYPE / "门口3").mkdir(parents=True)
    walks = _count_walks(monkeypatch)
    monkeypatch.setattr(Inotify, "add", limited)
    monkeypatch.setattr(folder_watcher, "_WATCH_ALL_AGAIN_SEC", 0.05)
    monkeypatch.setattr(intake_thread, "RETRY_SEC", 60.0)
    with _watching(site.runtime):
        wait_until(lambda: len(walks) >= 4, 10, "watched again")
    lines = [record.message for record in caplog.records if "watched" in record.message]
    assert len(lines) == 2, lines
    assert sum("fs.inotify.max_user_watches" in line for line in lines) == 1
    assert len(site.rows("SELECT 1 FROM events WHERE kind = 'folder_not_watched'")) == 1


def _count_walks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    walks: list[str] = []
    opened = FolderEvents.__init__

    def count(events: FolderEvents, root: str, rules: KeyRules) -> None:
        walks.append(root)
        opened(events, root, rules)

    monkeypatch.setattr(FolderEvents, "__init__", count)
    return walks


def test_picture_is_recorded_and_leased_in_one_transaction_of_the_dispatcher(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    algorithm.answer = lambda frame: detections(0)
    site.register(algorithm)
    worker = WorkerProcess(app=None)
    worker._runtime = site.open()
    worker._serves = lambda task_type: True  # type: ignore[method-assign]
    worker.inference()
    try:
        with _watching(worker.runtime(), worker.record):
            wait_until(lambda: _watched(site), 5, "watched")
            site.put(KEY)
            wait_until(lambda: site.count("done") == 1, 5, "inferred")
            for number in range(20):
                site.put(f"{TYPE}/门口2/{number}.jpg")
            wait_until(lambda: site.count("done") == 21, 10, "all inferred")
            wait_until(lambda: site.pictures("") == [], 5, "all deleted")
    finally:
        worker.close()
    assert algorithm.count == 21


def test_frames_are_found_by_the_scan_while_their_transaction_fails(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    watched: list[FolderEvents] = []
    opened = FolderEvents.__init__

    def watch(events: FolderEvents, root: str, rules: KeyRules) -> None:
        opened(events, root, rules)
        watched.append(events)

    def fail(recording: Recording, pictures: Sequence[Picture]) -> Sequence[NewFrame]:
        calls.append(len(pictures))
        if len(calls) < 3:
            raise (DatabaseUnavailableError if len(calls) == 1 else ZeroDivisionError)
        return recording.record(pictures)

    monkeypatch.setattr(FolderEvents, "__init__", watch)
    with _watching(site.runtime, fail):
        for number in (1, 2, 3):
            wait_until(lambda: len(watched) >= number, 10, "watched anew")  # noqa: B023
            site.put(f"{TYPE}/门口1/{number}.jpg")
            wait_until(partial(_is_called, calls, number), 5, "taken")
            if number == 3:
                wait_until(lambda: len(_keys(site)) == 1, 5, "recorded again")
    assert site.scan().new_frames == 2


def test_a_single_process_watches_and_another_follows_it(site: Installation) -> None:
    other = site.open()
    with _watching(site.runtime):
        wait_until(lambda: _watched(site), 5, "watched")
        second = FolderWatcher(lambda: other, Recording.record)
        second.start()
        site.put(KEY)
        wait_until(lambda: _keys(site) == [KEY], 5, "recorded")
    site.put(f"{TYPE}/门口1/between.jpg")
    site.execute("UPDATE process_leases SET expires_at = 0, holder = ''")
    wait_until(lambda: _watched(site), 5, "watched by the second")
    site.put(f"{TYPE}/门口1/2.jpg")
    wait_until(lambda: f"{TYPE}/门口1/2.jpg" in _keys(site), 5, "recorded by the second")
    second.stop()


def test_another_folder_at_the_place_of_the_root_is_watched(site: Installation) -> None:
    with _watching(site.runtime):
        site.put(KEY)
        wait_until(lambda: _watched(site), 5, "watched")
        site.snapshots.rename(site.folder / "unmounted")
        site.execute("UPDATE process_leases SET expires_at = 0")
        site.put(f"{TYPE}/门口1/2.jpg")
        wait_until(lambda: _watched(site), 5, "watched anew")
        site.put(f"{TYPE}/门口1/3.jpg")
        wait_until(lambda: f"{TYPE}/门口1/3.jpg" in _keys(site), 5, "recorded")


def test_watching_ends_and_begins_with_the_setting(site: Installation) -> None:
    with _watching(site.runtime):
        wait_until(lambda: _watched(site), 5, "watched")
        text = site.config.read_text(encoding="utf-8")
        off = text.replace("watch_folder = true", "watch_folder = false")
        site.config.write_text(off, encoding="utf-8")
        wait_until(lambda: not _has_lock(site), 5, "not watched")
        site.put(KEY)
        site.config.write_text(text, encoding="utf-8")
        wait_until(lambda: _watched(site), 10, "watched again")
        site.put(f"{TYPE}/门口1/2.jpg")
        wait_until(lambda: _keys(site) == [f"{TYPE}/门口1/2.jpg"], 5, "recorded")
    assert site.scan().new_frames == 1


def _has_lock(site: Installation) -> bool:
    with folder_watcher._alone(site.folder / "data") as alone:
        return not alone


def test_process_killed_between_word_and_commit_loses_no_frame(site: Installation) -> None:
    command = [sys.executable, "-m", watching_process.__name__, str(site.config)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    wait_until(lambda: _watched(site), 10, "watched")
    site.put(KEY)
    assert process.stdout.readline() == "1\n"
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    process.stdout.close()
    assert _keys(site) == []
    site.execute("UPDATE process_leases SET expires_at = 0, holder = ''")
    with _watching(site.runtime):
        wait_until(lambda: _watched(site), 5, "watched by the next process")
        site.put(f"{TYPE}/门口1/2.jpg")
        wait_until(lambda: len(_keys(site)) == 1, 5, "recorded")
        assert site.scan().new_frames == 1
    assert sorted(_keys(site)) == [KEY, f"{TYPE}/门口1/2.jpg"]


def test_half_written_picture_is_not_taken_until_its_writer_appends_the_rest(
    site: Installation,
) -> None:
    site.configure(frame_stable_sec=3600.0)
    with _watching(site.runtime):
        wait_until(lambda: _watched(site), 5, "watched")
        site.put(KEY, JPEG[:-2])
        site.put(f"{TYPE}/门口2/1.jpg")
        wait_until(lambda: _keys(site) == [f"{TYPE}/门口2/1.jpg"], 5, "the whole one is recorded")
        with (site.snapshots / KEY).open("ab") as file:
            file.write(JPEG[-2:])
        wait_until(lambda: len(_keys(site)) == 2, 5, "the other is recorded, too")
