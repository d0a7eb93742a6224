"""Rings without making anybody wait."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from easyai.runtime import Doorbell


class BackgroundDoorbell:
    """Passes rings on from one thread of its own; those of a type that still waits are one.

    A broker that hangs for seconds then delays neither a registration nor a heartbeat.
    """

    def __init__(self, doorbell: Doorbell) -> None:
        self._doorbell = doorbell
        self._waiting: dict[str, None] = {}  # an ordered set
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="doorbell", daemon=True)
        self._thread.start()

    def ring_all(self, task_types: Iterable[str]) -> None:
        """Ask for inference of types soon; returns at once."""
        with self._changed:
            self._waiting.update(dict.fromkeys(task_types))
            self._changed.notify()

    def close(self, timeout_sec: float = 3.0) -> None:
        """Pass on what waits and stop; what is not through in time is left to the next scan."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(timeout_sec)
        self._doorbell.close()

    def _run(self) -> None:
        while task_types := self._next():
            self._doorbell.ring_all(task_types)

    def _next(self) -> list[str]:
        """The types rung since the last time; none once it is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            task_types = list(self._waiting)
            self._waiting.clear()
            return task_types
