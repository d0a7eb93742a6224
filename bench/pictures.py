"""Camera frames for the benchmark: JPEG-like files of some KB, complete by their end marker."""

from __future__ import annotations

import os
import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

TASK_TYPE = "人数统计"
CAMERAS = 8
OLD = "旧"  # the camera of pictures from before the start
_KILOBYTES = 6
_START, _END = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00", b"\xff\xd9"
_FIRST = datetime(2025, 11, 14, 8, 0, 0)  # noqa: DTZ001 - cameras write local time
_INTERVAL = timedelta(milliseconds=40)


class Place(Protocol):
    """A place in which cameras put frames."""

    def write(self, count: int) -> list[str]:
        """Put new frames in place; their keys."""

    def waiting(self) -> int:
        """Frames that are still at their key."""


class FrameNames:
    """Keys of frames as an extractor names them, never the same key twice."""

    def __init__(self, cameras: int = CAMERAS, types: int = 1) -> None:
        # Each camera has a type; with more types than cameras, a camera has several types.
        numbers = range(max(cameras, types))
        self.folders = [f"{type_name(n % types)}/{camera_name(n % cameras)}" for n in numbers]
        self._given = 0

    def next(self) -> str:
        """The next key; the cameras take turns."""
        moment = _FIRST + self._given * _INTERVAL
        name = f"{moment:%Y%m%d-%H%M%S}.{moment.microsecond // 1000:03d}.jpg"
        folder = self.folders[self._given % len(self.folders)]
        self._given += 1
        return f"{folder}/{name}"


class Camera:
    """Writes frames of some cameras and task types below a folder."""

    def __init__(self, frames: Path, cameras: int = CAMERAS, types: int = 1) -> None:
        self._frames = frames
        self._names = FrameNames(cameras, types)
        self._content = picture()
        for folder in self._names.folders:
            (frames / folder).mkdir(parents=True, exist_ok=True)

    def write(self, count: int) -> list[str]:
        """Put `count` new frames in place, spread over the cameras; their keys."""
        return [self._write_one() for _ in range(count)]

    def waiting(self) -> int:
        """Frames that are still at their key."""
        folders = (self._frames / folder for folder in self._names.folders)
        return sum(len(os.listdir(folder)) for folder in folders)  # noqa: PTH208 - names only

    def _write_one(self) -> str:
        key = self._names.next()
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


def type_name(number: int) -> str:
    """A task type, counted from 0."""
    return TASK_TYPE + (str(number + 1) if number else "")
