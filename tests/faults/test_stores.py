"""The disk fills up, the store goes away, cannot be written, loses a camera's folder."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from easyai.store.keys import held_name
from tests.faults.conftest import Trials
from tests.faults.installations import EMBEDDED, Embedded
from tests.support.small_disk import kept_full, remount, small_disk

KEEP_PARKED = "disk_min_free_percent = 0\n"  # the guard would drop waiting frames: not tested here


@pytest.mark.faults
@pytest.mark.parametrize("where", ["frames and data", "frames", "data"])
def test_inference_resumes_after_a_full_disk(trials: Trials, tmp_path: Path, where: str) -> None:
    frames, data = tmp_path / "snapshots", tmp_path / "data"
    folder = {"frames": frames, "data": data}.get(where, tmp_path)
    with small_disk(folder, 48), trials(EMBEDDED, settings=KEEP_PARKED) as trial:
        with trial.fault(f"disk of {where} full"), kept_full(folder):
            if folder != frames:
                trial.alarm("inference_stalled", "A disk is full", within_sec=45)
            message = trial.alarm("disk_low", "free on the disk of", within_sec=45)
        assert f"disk of {frames if folder == frames else data}," in message.text
        trial.resumes(within_sec=20)
        trial.alarm_over("disk_low", within_sec=30)


@pytest.mark.faults
def test_inference_resumes_after_the_store_was_unreadable_or_away(trials: Trials) -> None:
    with trials(EMBEDDED, download=True) as trial:
        frames = trial.site.frames
        away = frames.with_name("snapshots.away")
        with trial.fault("store cannot be read (a file in the place of its folder)"):
            trial.camera.stop()
            frames.rename(away)
            frames.write_bytes(b"")
            trial.camera.start()
            trial.alarm("inference_stalled", "The frame store does not work", within_sec=60)
            trial.alarm("store_down", "not a folder", within_sec=60)
            trial.camera.stop()  # it would make a new folder between these two
            frames.unlink()
            away.rename(frames)
        trial.camera.start()
        trial.resumes(within_sec=15)
        trial.alarm_over("store_down", within_sec=30)
        trial.rest()
        trial.camera.stop()  # it would make a new folder
        with trial.fault("store away (its folder renamed, as an unmounted disk)"):
            trial.camera.burst(100)
            frames.rename(away)
            trial.alarm("inference_stalled", "The frame store does not work", within_sec=60)
            trial.alarm("store_down", "missing", within_sec=60)
            if frames.is_dir():
                shutil.rmtree(frames)
            away.rename(frames)
        trial.camera.start()
        trial.resumes(within_sec=15)
        trial.alarm_over("store_down", within_sec=30)


@pytest.mark.faults
def test_inference_resumes_after_a_read_only_store(trials: Trials, tmp_path: Path) -> None:
    frames = tmp_path / "snapshots"
    with small_disk(frames, 48), trials(EMBEDDED) as trial:
        with trial.fault("store read-only"):
            remount(frames, "ro")
            trial.alarm("store_down", "mounted read-only", within_sec=60)
            remount(frames, "rw")
        trial.resumes(within_sec=15)
        trial.alarm_over("store_down", within_sec=30)


def _own_name(picture: Path) -> str:
    """The name that the camera gave; a picture has another while it is inferred."""
    held = held_name(picture.name)
    return held.name if held else picture.name


@pytest.mark.faults
def test_inference_goes_on_after_a_camera_folder_is_removed_with_its_frames(trials: Trials) -> None:
    with trials(EMBEDDED, delay_sec=0.5) as trial:
        assert isinstance(trial.site, Embedded)
        trial.pardoned = ("missing",)
        with trial.fault("a camera's folder removed, three times", 3):
            for _ in range(3):
                time.sleep(2)
                folder = trial.site.frames / "人数统计" / "门口1"
                gone = folder.with_name(".gone")
                folder.rename(gone)
                trial.excused |= {f"人数统计/门口1/{_own_name(file)}" for file in gone.iterdir()}
                shutil.rmtree(gone)
        trial.resumes(within_sec=10)
