"""`max_frame_count`: gives up the oldest frames of a camera when more than this number wait."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from easyai.db import admission_rows, camera_backlogs
from easyai.domain.frame import Outcome
from easyai.domain.reason import Reason
from easyai.pipeline.admission_drops import AT_ONCE, Choose, Drops
from easyai.runtime import Runtime
from easyai.settings.schema import FrameExtractor

_EVERY_SEC: Final = 5.0  # a check reads the waiting frames of each type with such a camera
_BUDGET_SEC: Final = 0.5  # of a single check; the next check continues


class CameraLimits:
    """Applies the limits of single cameras in this process's scans."""

    def __init__(self, runtime: Runtime, drops: Drops) -> None:
        self._runtime = runtime
        self._drops = drops
        self._checked_at = float("-inf")

    def review(self, extractor: FrameExtractor) -> None:
        """Give up surplus frames, if a check is due. Raises DatabaseUnavailableError."""
        now = time.monotonic()
        if now - self._checked_at < _EVERY_SEC or not any(
            task.max_frame_count for task in extractor.tasks
        ):
            return
        self._checked_at = now
        with self._runtime.db.read() as conn:
            types = {
                name
                for state in admission_rows.WAITING
                for name in admission_rows.types_in(conn, state)
            }
        for task_type in sorted(types):
            for limit, cameras in _limits(extractor, task_type).items():
                self._thin(task_type, cameras, limit, until=now + _BUDGET_SEC)

    def _thin(self, task_type: str, cameras: Sequence[str], limit: int, until: float) -> None:
        reason = Reason.of("frame.camera_full", n=limit)
        while True:
            with self._runtime.db.read() as conn:
                if not camera_backlogs.more_wait(conn, task_type, limit):
                    return
                excess = camera_backlogs.beyond(conn, task_type, cameras, limit, AT_ONCE)
            for state, ids in excess.items():
                # Frames that were leased meanwhile stay: they no longer wait.
                self._drops.drop(_these(ids), state, Outcome.QUEUE_FULL, reason)
            if sum(map(len, excess.values())) < AT_ONCE or time.monotonic() >= until:
                return


def _these(ids: Sequence[int]) -> Choose:
    return lambda _conn: ids


def _limits(extractor: FrameExtractor, task_type: str) -> dict[int, list[str]]:
    """The cameras of a type that have a limit, by limit."""
    limits: dict[int, list[str]] = {}
    for camera in dict.fromkeys(task.id for task in extractor.tasks):
        limit = extractor.task(task_type, camera).max_frame_count
        if limit:
            limits.setdefault(limit, []).append(camera)
    return limits
