"""Keeps the SQLite file small and quick; PostgreSQL looks after itself."""

from __future__ import annotations

import time
from typing import Final

from easyai.db import space
from easyai.pipeline.pace import turns
from easyai.runtime import Runtime

# Rows that are forgotten make room for those to come. That much stays in the file.
_KEPT_FREE_BYTES: Final = 32 * 2**20
_LONGEST_LOG_BYTES: Final = 32 * 2**20
_OPTIMIZE_EVERY_SEC: Final = 86_400.0


class SqliteFile:
    """What one process remembers of the file."""

    def __init__(self, runtime: Runtime) -> None:
        self._db = runtime.db
        # Not at once: what SQLite learns of tables that are nearly empty misleads it later.
        self._optimized_at = time.monotonic()

    def look_after(self, limit: float) -> int:
        """Give free space back to the disk, until `limit` (monotonic); how many bytes."""
        if not self._db.is_sqlite:
            return 0
        if time.monotonic() - self._optimized_at > _OPTIMIZE_EVERY_SEC:
            space.optimize(self._db)
            self._optimized_at = time.monotonic()
        freed = 0
        for _ in turns(limit):
            step = space.shrink(self._db, _KEPT_FREE_BYTES)
            freed += step
            if not step:
                break
        space.checkpoint(self._db, _LONGEST_LOG_BYTES)
        return freed
