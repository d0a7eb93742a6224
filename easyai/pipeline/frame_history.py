"""Deletes old settled frames; frames that wait, failed or whose picture is being moved stay."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Final

from easyai.db import history
from easyai.db.history import CHUNK, OldFrame
from easyai.domain.record_age import forget_before
from easyai.pipeline.background_pace import bursts
from easyai.runtime import Runtime

_DAY_SEC: Final = 86_400.0
_LOOK_BACK_SEC: Final = 3600.0


class FrameHistory:
    """Walks from the oldest frame on, as long as there are frames to delete.

    Frames that stay (failed frames, for a month) gather at the old end. The walk begins after them
    and looks at them again once an hour, because by then they may be over.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._from_id = 0  # frames up to here stay
        self._looked_back_at = -math.inf

    def forget(self, now: float, limit: float) -> int:
        """Delete frames until `limit` (monotonic), the oldest first; returns how many."""
        if time.monotonic() - self._looked_back_at > _LOOK_BACK_SEC:
            self._from_id, self._looked_back_at = 0, time.monotonic()
        rules = _Rules(self._runtime, now)
        forgotten, after, all_stay = 0, self._from_id, True
        for _ in bursts(limit):
            with self._runtime.db.read() as conn:
                rows = history.frames_after(conn, after)
            over = [row for row in rows if row.is_over]
            old = rules.old(over)
            if old:
                with self._runtime.db.write() as conn:
                    forgotten += history.forget_frames(conn, old)
            if len(rows) < CHUNK or (over and not old):
                break
            after = rows[-1].id
            all_stay = all_stay and not over
            if all_stay:
                self._from_id = after
        return forgotten


class _Rules:
    """Which frames are old, by number and by age, according to the settings."""

    def __init__(self, runtime: Runtime, now: float) -> None:
        analysis = runtime.settings.ai_analysis
        with runtime.db.read() as conn:
            self._newest_id = history.newest_frame(conn)
        most = analysis.max_history_rows
        self._last_id = self._newest_id - most if most else 0  # old by number up to here
        self._keep_sec = analysis.history_retention_days * _DAY_SEC
        self._now = now
        self._before: float | None = None  # old by age before this

    def old(self, over: Sequence[OldFrame]) -> list[int]:
        """The ids of the frames to delete."""
        settled = [row.settled_at for row in over if row.settled_at is not None]
        if self._before is None and settled:
            self._before = forget_before(self._now, self._keep_sec, min(settled))
        return [row.id for row in over if self._is_old(row)]

    def _is_old(self, row: OldFrame) -> bool:
        # SQLite would give the newest frame's id to the next frame, but alerts may refer to it.
        if row.id >= self._newest_id:
            return False
        too_many = row.id <= self._last_id
        return too_many or (row.settled_at or 0.0) < (self._before or -math.inf)
