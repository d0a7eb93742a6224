"""Rings without making anybody wait."""

from __future__ import annotations

import threading

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

    def ring(self, task_type: str) -> None:
        """Ask for inference of a type soon; returns at once."""
        with self._changed:
            self._waiting[task_type] = None
            self._changed.notify()

    def close(self, timeout_sec: float = 3.0) -> None:
        """Pass on what waits and stop; what is not through in time is left to the next scan."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(timeout_sec)
        self._doorbell.close()

    def _run(self) -> None:
        while (task_type := self._next()) is not None:
            self._doorbell.ring(task_type)

    def _next(self) -> str | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            if not self._waiting:
                return None
            task_type = next(iter(self._waiting))
            del self._waiting[task_type]
            return task_type
