"""Frames of any video that OpenCV can open: a file, or a camera's stream."""

import os
import re
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import cv2
import numpy as np

from examples.demo.errors import VideoError
from examples.demo.frames import PEOPLE, Frame, filename
from examples.demo.pictures import Pixels, encode

CAMERA = "录像"
MOST_FRAMES = 100
_LONGEST_EDGE = 1280  # pixels; larger frames are scaled down
_STREAM_SEC = 0.2  # interval between two frames of a stream
_STREAM_TIMEOUT_MS = 10_000
_STEP_WITHOUT_LENGTH = 5  # of a file without a frame count
_LONGEST_STEP = 25  # frames to decode and skip; beyond that seeking is faster


class Video:
    """An opened video; raises VideoError when it cannot be read. Close it, or use `with`."""

    def __init__(self, source: str) -> None:
        self.name = without_secrets(source)
        self._live = "://" in source
        if not self._live and not Path(source).is_file():
            raise VideoError(f"{self.name}: no such file")
        self._capture = _open(source, self._live)
        done, first = self._capture.read()
        if not done:
            self._capture.release()
            raise VideoError(f"{self.name}: {_remedy(self._live)}")
        self._first: Pixels = np.asarray(first, np.uint8)
        self._length = max(0, int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT)))

    @property
    def expected(self) -> int:
        """The largest number of frames it returns."""
        return min(MOST_FRAMES, self._length or MOST_FRAMES)

    def frames(self, begin: datetime) -> Iterator[Frame]:
        """At most MOST_FRAMES frames, spread over the file, or as the stream delivers them."""
        for number, pixels in enumerate(self._pictures()):
            yield Frame(f"{PEOPLE}/{CAMERA}/{filename(begin, number)}", encode(_shrunk(pixels)))

    def close(self) -> None:
        """Close the file or the stream."""
        self._capture.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _pictures(self) -> Iterator[Pixels]:
        yield self._first
        for _ in range(self.expected - 1):
            if not self._forward():
                return
            done, pixels = self._capture.retrieve()
            if not done:
                return
            yield pixels

    def _forward(self) -> bool:
        """Read the next wanted frame; False at the end."""
        if self._live:
            return self._forward_live()
        step = self._length // MOST_FRAMES if self._length else _STEP_WITHOUT_LENGTH
        if step > _LONGEST_STEP:
            at = self._capture.get(cv2.CAP_PROP_POS_FRAMES)
            self._capture.set(cv2.CAP_PROP_POS_FRAMES, at + step - 1)
            step = 1
        return all(self._capture.grab() for _ in range(max(1, step)))

    def _forward_live(self) -> bool:
        # Frames in between are read and skipped; otherwise the stream would fall behind.
        due = time.monotonic() + _STREAM_SEC
        while True:
            if not self._capture.grab():
                return False
            if time.monotonic() >= due:
                return True


def without_secrets(source: str) -> str:
    """The address without user, password and query, for output."""
    return re.sub(r"(?<=://)[^/?#]*@", "", source).partition("?")[0] if "://" in source else source


def _open(source: str, live: bool) -> Any:
    # The demo reports errors itself.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    if not live:
        return cv2.VideoCapture(source)
    limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, _STREAM_TIMEOUT_MS]
    limits += [cv2.CAP_PROP_READ_TIMEOUT_MSEC, _STREAM_TIMEOUT_MS]
    return cv2.VideoCapture(source, cv2.CAP_FFMPEG, limits)


def _remedy(live: bool) -> str:
    if live:
        return "the stream gives no picture; is the address right, is the camera on?"
    return "not a video that OpenCV can read; try MP4 or AVI"


def _shrunk(pixels: Pixels) -> Pixels:
    scale = _LONGEST_EDGE / max(pixels.shape[:2])
    if scale >= 1:
        return pixels
    smaller = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(smaller, np.uint8)
