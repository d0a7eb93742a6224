"""Progress of a long operation, as lines for people."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from easyai.messages import wording

_EVERY_SEC: Final = 5.0


class Progress:
    """Reports the progress every few seconds; a short operation reports nothing."""

    def __init__(self, report: Callable[[str], None] = lambda _: None) -> None:
        self._report = report
        self.begin("", 0)

    def begin(self, step: str, total_bytes: int = 0) -> None:
        """Begin another step; 0 bytes: the size is not known."""
        self._step, self._total = step, total_bytes
        self._bytes = self._count = 0
        self._reported_at = time.monotonic()

    def add(self, size: int, count: int = 1) -> None:
        """Add `size` bytes and `count` items to the step."""
        self._bytes += size
        self._count += count
        if time.monotonic() - self._reported_at < _EVERY_SEC:
            return
        self._reported_at = time.monotonic()
        if self._total:
            self._report(f"{self._step}: {100 * self._bytes // self._total} %")
        else:
            done = f", {wording.size(self._bytes)}" if self._bytes else ""
            self._report(f"{self._step}: {self._count}{done}")
