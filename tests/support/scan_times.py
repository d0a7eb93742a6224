"""Counts the scans of an installation, by whatever process."""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path
from types import TracebackType

_EVERY_SEC = 0.02
_DONE = "SELECT done_at FROM process_leases WHERE name = 'scan'"


class ScanTimes:
    """Watches the database from `__enter__` on: each scan notes there when it was done."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._seen: dict[float, float] = {}
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scan-times")

    def times(self) -> list[float]:
        """When a scan was seen to be done, on the monotonic clock."""
        return list(self._seen.values())

    def _run(self) -> None:
        connection = sqlite3.connect(f"file:{self._database}?mode=ro", uri=True, timeout=5)
        try:
            while not self._end.wait(_EVERY_SEC):
                for (done_at,) in connection.execute(_DONE).fetchall():
                    if done_at:
                        self._seen.setdefault(done_at, time.monotonic())
        finally:
            connection.close()

    def __enter__(self) -> ScanTimes:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end.set()
        self._thread.join()
