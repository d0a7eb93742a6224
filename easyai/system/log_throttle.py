"""Limits how often a log line is written whose reason lasts, or comes back, for hours."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Final

# A kind without a line for this long is forgotten: task types and folders come and go.
_FORGET_SEC: Final = 3600.0
_MOST: Final = 10_000  # kinds that are remembered


@dataclass(slots=True)
class _Line:
    """The last line of a kind."""

    at: float  # monotonic
    left_out: int = 0  # lines left out since then


class LogThrottle:
    """Lets a line of each kind pass in an interval, the first at once; safe between threads."""

    def __init__(self, every_sec: float = 60.0) -> None:
        self._every_sec = every_sec
        self._lock = threading.Lock()
        self._lines: dict[Hashable, _Line] = {}  # by kind, the oldest first

    def due(self, kind: Hashable = None, count: int = 1) -> int:
        """How many events a line of this kind must report now; 0: not due, or nothing happened.

        The number is `count` plus all events left out since the last line. When it is not 0, the
        interval begins anew.
        """
        now = time.monotonic()
        with self._lock:
            line = self._lines.get(kind)
            total = count + (line.left_out if line else 0)
            if line is not None and (not total or now < line.at + self._every_sec):
                line.left_out = total
                return 0
            if total:
                self._lines.pop(kind, None)
                self._lines[kind] = _Line(now)
                self._forget(now)
            return total

    def wait_sec(self, kind: Hashable = None) -> float:
        """Seconds until a line of this kind is due; 0 now."""
        with self._lock:
            line = self._lines.get(kind)
            return max(0.0, line.at + self._every_sec - time.monotonic()) if line else 0.0

    def over(self, kind: Hashable = None) -> bool:
        """Make the next line due at once, as the reason is gone; return whether it had a line."""
        if kind not in self._lines:
            return False  # nearly always, for each of ten thousand folders
        with self._lock:
            return self._lines.pop(kind, None) is not None

    def warning(
        self, log: logging.Logger, message: str, *arguments: Any, kind: Hashable = None
    ) -> None:
        """Log a warning, if it is due, with the number of warnings left out since the last."""
        times = self.due(kind)
        if times > 1:
            message, arguments = f"{message} (and %d more)", (*arguments, times - 1)
        if times:
            log.warning(message, *arguments)

    def _forget(self, now: float) -> None:
        before = now - max(_FORGET_SEC, self._every_sec)
        while len(self._lines) > _MOST or next(iter(self._lines.values())).at < before:
            del self._lines[next(iter(self._lines))]
