"""Pictures that nobody knows are found and deleted; every other picture is left alone."""

from __future__ import annotations

import time
from typing import Any

import pytest

from easyai.db import events
from easyai.pipeline import orphans
from easyai.pipeline.orphans import Orphans
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.site import JPEG, TYPE, Installation

DAY = 86_400.0
FOLDER = f"alerts/{TYPE}/c"


@pytest.fixture
def installed(site: Installation) -> Installation:
    """An installation of ten days ago."""
    site.execute("DELETE FROM events")
    with site.runtime.db.write() as conn:
        events.add(conn, [events.Event(time.time() - 10 * DAY, "installed", "", "")])
    return site


def look(site: Installation) -> int:
    """One whole round of a process that has just started; how many pictures it deleted."""
    walk = Orphans(site.runtime)
    deleted, limit = 0, time.monotonic() + 60
    while True:
        deleted += walk.look(time.time(), limit)
        if walk._is_at_start():
            return deleted


def days_ago(days: float) -> float:
    """Unix seconds."""
    return time.time() - days * DAY


@pytest.mark.parametrize("folder", [FOLDER, f"failed/{TYPE}/c"])
def test_a_picture_that_nobody_knows_goes_after_a_day(
    installed: Installation, caplog: pytest.LogCaptureFixture, folder: str
) -> None:
    installed.put(f"{folder}/1.jpg", modified_at=days_ago(2))
    installed.put(f"{folder}/2.jpg", modified_at=days_ago(0.9))
    installed.put(f"{folder}/.3.jpg.part", modified_at=days_ago(2))
    installed.put(f"{folder}/notes.txt", modified_at=days_ago(2))
    assert look(installed) == 2
    assert installed.pictures(folder) == [f"{folder}/2.jpg", f"{folder}/notes.txt"]
    assert f"orphan deleted, a picture that nobody knows: key={folder}/1.jpg" in caplog.text


def test_pictures_from_before_this_installation_are_left_alone_and_counted_once(
    installed: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(3):
        installed.put(f"{FOLDER}/{number}.jpg", modified_at=days_ago(11))
    installed.put(f"{FOLDER}/ours.jpg", modified_at=days_ago(9))
    with caplog.at_level("INFO"):
        assert look(installed) == 1
    assert len(installed.pictures(FOLDER)) == 3
    assert "pictures from before this installation are left alone: count=3" in caplog.text


def test_without_the_day_of_installation_no_picture_is_deleted(installed: Installation) -> None:
    installed.execute("DELETE FROM events")
    installed.put(f"{FOLDER}/1.jpg", modified_at=days_ago(2))
    assert look(installed) == 0


def test_pictures_of_alerts_and_failed_frames_stay(
    installed: Installation, algorithm: AlgorithmStub
) -> None:
    installed.register(algorithm)
    keys = [f"{TYPE}/c/{number}.jpg" for number in range(3)]
    for key in keys:
        installed.put(key, modified_at=days_ago(2))
    installed.work(installed.loop())
    installed.execute("DELETE FROM frames")  # history forgot them
    assert len(installed.pictures("alerts")) == 3
    assert look(installed) == 0


@pytest.mark.parametrize(
    "columns",
    [
        {"state": "failed", "image_path": f"failed/{TYPE}/c/1.jpg"},
        {"state": "pending", "image_path": f"failed/{TYPE}/c/1.jpg"},  # requeued
        {"state": "parked", "image_path": f"failed/{TYPE}/c/1.jpg"},
        {"state": "leased", "image_path": f"failed/{TYPE}/c/1.jpg"},
        {"state": "done", "image_path": f"failed/{TYPE}/c/1.jpg", "image_target": ""},
        {"state": "failed", "image_path": None, "image_target": f"failed/{TYPE}/c/1.jpg"},
    ],
)
def test_a_picture_that_the_ledger_knows_stays(
    installed: Installation, columns: dict[str, Any]
) -> None:
    installed.record(1)
    changes = ", ".join(f"{name} = :{name}" for name in columns)
    installed.execute(f"UPDATE frames SET {changes}", **columns)
    installed.put(f"failed/{TYPE}/c/1.jpg", modified_at=days_ago(2))
    installed.put(f"failed/{TYPE}/c/2.jpg", modified_at=days_ago(2))
    assert look(installed) == 1
    assert installed.pictures("failed") == [f"failed/{TYPE}/c/1.jpg"]


def test_a_long_folder_is_walked_bit_by_bit_and_once_a_day(
    installed: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orphans, "_AT_ONCE", 4)
    for number in range(20):
        installed.put(f"{FOLDER}/{number:02}.jpg", modified_at=days_ago(2))
    walk = installed.runtime.part(Orphans)
    runs = [walk.look(time.time(), time.monotonic() + 60) for _ in range(6)]
    assert runs == [8, 8, 4, 0, 0, 0]
    installed.put(f"{FOLDER}/new.jpg", JPEG, modified_at=days_ago(2))
    assert walk.look(time.time(), time.monotonic() + 60) == 0
