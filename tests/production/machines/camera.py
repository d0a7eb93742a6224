"""A steady camera that puts pictures into a bucket and remembers every key."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType

from tests.support.jpeg import jpeg

Put = Callable[[str, bytes], None]


class BucketCamera:
    """Frames for some task types from two cameras each, `rate` a second over all."""

    def __init__(self, put: Put, task_types: Sequence[str], rate: float) -> None:
        self._put = put
        self._folders = [f"{name}/门口{number}" for name in task_types for number in (1, 2)]
        self._pause_sec = 1 / rate
        self._picture = jpeg(1, 64, 48)
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self.keys: list[str] = []

    def write_next(self) -> None:
        """Put the next frame of the next camera."""
        number = len(self.keys)
        key = f"{self._folders[number % len(self._folders)]}/{number:07d}.jpg"
        self._put(key, self._picture)
        self.keys.append(key)

    def burst(self, count: int) -> None:
        """Put frames as fast as the store takes them."""
        for _ in range(count):
            self.write_next()

    def _run(self) -> None:
        due = time.monotonic()
        while not self._over.wait(max(0.0, due - time.monotonic())):
            self.write_next()
            due = max(due + self._pause_sec, time.monotonic() - 1)  # never catches up for long

    def __enter__(self) -> BucketCamera:
        self._over.clear()
        self._thread = threading.Thread(target=self._run, name="camera", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        assert self._thread is not None
        self._thread.join()
