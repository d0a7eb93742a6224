"""Writes frames into the folder like cameras, each camera in its own thread."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Self

from examples.demo.cameras import Camera
from examples.demo.frames import Fate, Frame

_PIECES = 5
_PIECE_SEC = 0.25  # well under the time after which an unchanged file counts as complete


class Feed:
    """Cameras that write below a folder; leaving the block stops them."""

    def __init__(self, folder: Path, cameras: Sequence[Camera]) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._written: list[Frame] = []
        self._times: dict[str, float] = {}
        self._stopping = threading.Event()
        self._pool = ThreadPoolExecutor(len(cameras), "camera")
        self._running: list[Future[None]] = [
            self._pool.submit(self._run, camera) for camera in cameras
        ]

    @property
    def frames(self) -> list[Frame]:
        """The frames written so far."""
        with self._lock:
            return list(self._written)

    @property
    def times(self) -> dict[str, float]:
        """When each frame was complete: key to Unix seconds."""
        with self._lock:
            return dict(self._times)

    @property
    def finished(self) -> bool:
        """Whether every camera has written its last frame; raises a camera's error."""
        for camera in self._running:
            if camera.done():
                camera.result()
        return all(camera.done() for camera in self._running)

    @property
    def number(self) -> int:
        """The number of written frames, without files that easyai must ignore."""
        return sum(frame.fate is not Fate.LEFT_ALONE for frame in self.frames)

    def waiting(self) -> list[Frame]:
        """Frames whose picture is still where it was written."""
        return [
            frame
            for frame in self.frames
            if frame.fate is not Fate.LEFT_ALONE and (self._folder / frame.key).exists()
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._pool.shutdown()

    def _run(self, camera: Camera) -> None:
        for frame in camera.frames:
            if self._stopping.is_set():
                return
            moment = self._write(frame)
            with self._lock:
                self._times[frame.key] = moment
                self._written.append(frame)
            self._stopping.wait(camera.interval_sec)

    def _write(self, frame: Frame) -> float:
        path = self._folder / frame.key
        path.parent.mkdir(parents=True, exist_ok=True)
        if frame.in_pieces:
            self._write_in_pieces(path, frame.content)
            return time.time()
        hidden = path.with_name(f".new-{path.name}")
        hidden.write_bytes(frame.content)
        moment = time.time()
        hidden.replace(path)
        return moment

    def _write_in_pieces(self, path: Path, content: bytes) -> None:
        cuts = [len(content) * part // _PIECES for part in range(_PIECES + 1)]
        with path.open("wb", buffering=0) as file:
            for begin, end in pairwise(cuts):
                self._stopping.wait(_PIECE_SEC if begin else 0)
                file.write(content[begin:end])
