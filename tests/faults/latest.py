"""Cameras that rewrite a file name, and services that record the picture they got."""

from __future__ import annotations

import hashlib
import io
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from minio import Minio

from tests.support.algorithm_stub import AlgorithmStub, Frame
from tests.support.jpeg import jpeg

Write = Callable[[bytes], None]


def digest(picture: bytes | None) -> str:
    """The digest that identifies a picture."""
    return hashlib.sha256(picture or b"").hexdigest()


def by_rename(path: Path) -> Write:
    """Write aside, then rename over the name: readers see whole pictures only."""

    def write(picture: bytes) -> None:
        draft = path.with_name(f".{path.name}.draft")
        draft.write_bytes(picture)
        draft.replace(path)

    return write


def in_place(path: Path) -> Write:
    """Empty the file and write it anew, in two parts: readers may see a part."""

    def write(picture: bytes) -> None:
        with path.open("wb", buffering=0) as file:
            file.write(picture[: len(picture) // 2])
            time.sleep(0.005)
            file.write(picture[len(picture) // 2 :])

    return write


def by_upload(client: Minio, bucket: str, key: str) -> Write:
    """Put an object over the previous object."""

    def write(picture: bytes) -> None:
        client.put_object(bucket, key, io.BytesIO(picture), len(picture), "image/jpeg")

    return write


class LatestCamera:
    """Writes a name `rate` times a second, each time with another picture.

    `series` keeps the pictures of cameras apart. `error` is what ended it before its time.
    """

    def __init__(self, write: Write, series: int, rate: float = 10.0) -> None:
        self.written: list[str] = []  # digests, in order
        self.error: BaseException | None = None
        self._write, self._series, self._pause_sec = write, series, 1 / rate
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="latest", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """End; raises the error that kept it from writing."""
        self._over.set()
        self._thread.join()
        if self.error is not None:
            raise self.error

    def _run(self) -> None:
        try:
            while not self._over.wait(self._pause_sec):
                picture = jpeg(self._series * 10_000 + len(self.written), 64, 48)
                self.written.append(digest(picture))
                self._write(picture)
        except Exception as error:  # noqa: BLE001 - `stop` raises it
            self.error = error


class WitnessStub(AlgorithmStub):
    """A service that downloads every picture and answers with its digest.

    It detects something in two of three pictures, chosen by the picture alone.
    """

    def __init__(self, *task_types: str, delay_sec: float) -> None:
        super().__init__(task_types=task_types, download=True, delay=delay_sec)
        self.answer = self._testify

    def _testify(self, frame: Frame) -> Any:
        picture = next(
            request.picture for request in reversed(self.received) if request.frame is frame
        )
        got = digest(picture)
        count = min(1, int(got, 16) % 3)
        result = {"total_count": count, "detections": [], "digest": got}
        return 200, {"success": True, "result": result, "confidence": 0.9, "inference_time_ms": 1}
