"""The disk fills up, the store goes away, cannot be written, loses a camera's folder."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

import pytest

from tests.faults.conftest import Trials
from tests.faults.installations import EMBEDDED, Embedded

KEEP_PARKED = "disk_min_free_percent = 0\n"  # the guard would give up what waits: not tried here


@contextmanager
def _small_disk(folder: Path, megabytes: int) -> Iterator[None]:
    """A disk of its own for a folder; needs root, as CI has it."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(f"a tmpfs cannot be mounted, run as root: {done.stderr}", pytrace=False)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def _full(folder: Path) -> Iterator[None]:
    """Every byte that is left on a disk is taken, and again what is given back meanwhile."""
    path, over = folder / ".ballast", threading.Event()

    def hold() -> None:
        with path.open("ab", buffering=0) as ballast:
            while not over.wait(0.2):
                _fill(ballast)

    holder = threading.Thread(target=hold, name="ballast")
    holder.start()
    try:
        yield
    finally:
        over.set()
        holder.join()
        path.unlink()


def _fill(ballast: FileIO) -> None:
    try:
        while ballast.write(bytes(1 << 16)):
            pass
    except OSError:
        return  # full


@pytest.mark.faults
@pytest.mark.parametrize("where", ["frames and data", "frames", "data"])
def test_the_disk_is_full(trials: Trials, tmp_path: Path, where: str) -> None:
    frames, data = tmp_path / "snapshots", tmp_path / "data"
    folder = {"frames": frames, "data": data}.get(where, tmp_path)
    with _small_disk(folder, 48), trials(EMBEDDED, settings=KEEP_PARKED) as trial:
        with trial.fault(f"disk of {where} full"), _full(folder):
            if folder != frames:
                trial.alarm("inference_stalled", "A disk is full", within_sec=45)
            told = trial.alarm("disk_low", "free on the disk of", within_sec=45)
        assert f"disk of {frames if folder == frames else data}," in told.text
        trial.resumes(within_sec=20)
        trial.alarm_over("disk_low", within_sec=30)


@pytest.mark.faults
def test_the_store_cannot_be_read_goes_away_and_comes_back(trials: Trials) -> None:
    with trials(EMBEDDED, download=True) as trial:
        frames = trial.site.frames
        away = frames.with_name("snapshots.away")
        with trial.fault("store cannot be read (a file in the place of its folder)"):
            trial.camera.stop()
            frames.rename(away)
            frames.write_bytes(b"")
            trial.camera.start()
            trial.alarm("inference_stalled", "The frame store does not work", within_sec=60)
            trial.alarm("store_down", "missing or not writable", within_sec=60)
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
            trial.alarm("store_down", "missing or not writable", within_sec=60)
            if frames.is_dir():
                shutil.rmtree(frames)
            away.rename(frames)
        trial.camera.start()
        trial.resumes(within_sec=15)
        trial.alarm_over("store_down", within_sec=30)


@pytest.mark.faults
def test_the_store_is_read_only(trials: Trials, tmp_path: Path) -> None:
    frames = tmp_path / "snapshots"
    with _small_disk(frames, 48), trials(EMBEDDED) as trial:
        with trial.fault("store read-only"):
            _remount(frames, "ro")
            trial.alarm("store_down", "missing or not writable", within_sec=60)
            _remount(frames, "rw")
        trial.resumes(within_sec=15)
        trial.alarm_over("store_down", within_sec=30)


def _remount(folder: Path, option: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{option}", str(folder)], check=True)


@pytest.mark.faults
def test_a_camera_folder_is_removed_with_what_is_in_it(trials: Trials) -> None:
    with trials(EMBEDDED, delay_sec=0.5) as trial:
        assert isinstance(trial.site, Embedded)
        trial.pardoned = ("missing",)
        with trial.fault("a camera's folder removed, three times", 3):
            for _ in range(3):
                time.sleep(2)
                folder = trial.site.frames / "人数统计" / "门口1"
                gone = folder.with_name(".gone")
                folder.rename(gone)
                trial.excused |= {f"人数统计/门口1/{one.name}" for one in gone.iterdir()}
                shutil.rmtree(gone)
        trial.resumes(within_sec=10)
