"""Keeps the SQLite file small and fast; PostgreSQL needs no such care."""

from __future__ import annotations

import time
from typing import Final

from easyai.db import space
from easyai.pipeline.background_pace import bursts
from easyai.runtime import Runtime

# Deleted rows leave space for new rows. This much free space stays in the file.
_KEPT_FREE_BYTES: Final = 32 * 2**20
_LONGEST_LOG_BYTES: Final = 32 * 2**20
_OPTIMIZE_EVERY_SEC: Final = 86_400.0


class SqliteFile:
    """The care of the SQLite file by a process."""

    def __init__(self, runtime: Runtime) -> None:
        self._db = runtime.db
        # Not at once: statistics of nearly empty tables would mislead SQLite later.
        self._optimized_at = time.monotonic()

    def look_after(self, limit: float) -> int:
        """Return free space to the disk until `limit` (monotonic); returns how many bytes."""
        if not self._db.is_sqlite:
            return 0
        if time.monotonic() - self._optimized_at > _OPTIMIZE_EVERY_SEC:
            space.optimize(self._db)
            self._optimized_at = time.monotonic()
        freed = 0
        for _ in bursts(limit):
            step = space.shrink(self._db, _KEPT_FREE_BYTES)
            freed += step
            if not step:
                break
        space.checkpoint(self._db, _LONGEST_LOG_BYTES)
        return freed
