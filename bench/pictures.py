"""Camera frames for the benchmark: JPEG-like files of some KB, complete by their end marker."""

from __future__ import annotations

import os
import random
from datetime import datetime, timedelta
from pathlib import Path

TASK_TYPE = "人数统计"
CAMERAS = 8
OLD = "旧"  # the camera of pictures from before the start
_KILOBYTES = 6
_START, _END = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00", b"\xff\xd9"
_FIRST = datetime(2025, 11, 14, 8, 0, 0)  # noqa: DTZ001 - cameras write local time
_INTERVAL = timedelta(milliseconds=40)


class Camera:
    """Writes frames with the names of an extractor, never the same name twice."""

    def __init__(self, frames: Path, cameras: int = CAMERAS) -> None:
        self._frames = frames
        self._cameras = cameras
        self._written = 0
        self._content = picture()
        for number in range(cameras):
            (frames / TASK_TYPE / camera_name(number)).mkdir(parents=True, exist_ok=True)

    def write(self, count: int) -> list[str]:
        """Put `count` new frames in place, spread over the cameras; their keys."""
        return [self._write_one() for _ in range(count)]

    def _write_one(self) -> str:
        moment = _FIRST + self._written * _INTERVAL
        name = f"{moment:%Y%m%d-%H%M%S}.{moment.microsecond // 1000:03d}.jpg"
        key = f"{TASK_TYPE}/{camera_name(self._written % self._cameras)}/{name}"
        self._written += 1
        draft = self._frames / f".{os.getpid()}"
        draft.write_bytes(self._content)
        draft.rename(self._frames / key)
        return key


def picture() -> bytes:
    """The content of a camera's frame."""
    return _START + random.Random(1).randbytes(_KILOBYTES * 1024) + _END


def write_old(frames: Path, count: int) -> None:
    """Write pictures before any process starts."""
    folder = frames / TASK_TYPE / OLD
    folder.mkdir(parents=True)
    for number in range(count):
        (folder / f"{number:06d}.jpg").write_bytes(_START + _END)


def camera_name(number: int) -> str:
    """The task id of a camera, counted from 0."""
    return f"门口{number + 1}"


def waiting(frames: Path) -> int:
    """Frames that are still at their key."""
    folders = (frames / TASK_TYPE / camera_name(number) for number in range(CAMERAS))
    return sum(len(os.listdir(folder)) for folder in folders)  # noqa: PTH208 - names only
