"""A steady camera: writes real pictures under distinct names and remembers every key."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from tests.support.jpeg import jpeg

_DIFFERENT = 20  # pictures; writing a picture shall cost little, whatever it shows


class Camera:
    """Frames for some task types from some cameras each, `rate` a second over all.

    Written under a hidden name and renamed into place, as a good extractor does. A write that
    fails is counted and not tried again: only `keys` were put in.
    """

    def __init__(
        self, frames: Path, task_types: Sequence[str], cameras: int = 2, rate: float = 20.0
    ) -> None:
        self._folders = [f"{name}/门口{n}" for name in task_types for n in range(1, cameras + 1)]
        self._frames = frames
        self._pause_sec = 1 / rate
        self._pictures = [jpeg(number, 64, 48) for number in range(_DIFFERENT)]
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self._number = 0
        self.keys: list[str] = []
        self.failed_writes = 0

    def write_next(self) -> None:
        """Write the next frame of the next camera."""
        number, self._number = self._number, self._number + 1
        key = f"{self._folders[number % len(self._folders)]}/{number:07d}.jpg"
        path = self._frames / key
        draft = path.with_name(f".{secrets.token_hex(4)}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(self._pictures[number % _DIFFERENT])
            draft.rename(path)
        except OSError:
            self.failed_writes += 1
            self._discard(draft)
        else:
            self.keys.append(key)

    def _discard(self, draft: Path) -> None:
        try:
            draft.unlink(missing_ok=True)
        except OSError:
            self.failed_writes += 0  # its folder has gone as well; a hidden name is no frame

    def burst(self, count: int) -> None:
        """Write frames as fast as the disk takes them."""
        for _ in range(count):
            self.write_next()

    def start(self) -> None:
        """Begin to write."""
        self._over.clear()
        self._thread = threading.Thread(target=self._run, name="camera", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop; `keys` is complete afterwards."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        due = time.monotonic()
        while not self._over.wait(max(0.0, due - time.monotonic())):
            self.write_next()
            due = max(due + self._pause_sec, time.monotonic() - 1)  # never catches up for long

    def __enter__(self) -> Camera:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
