"""How long old records are kept, by a clock that may be wrong."""

from __future__ import annotations

import math
from typing import Final

# How far past the oldest record a run of upkeep, a minute after the last, may delete by age. That
# is ten times the pace of time: enough to catch up after a shorter limit was set. And if the clock
# jumps years ahead, a week of history lasts for hours, while the alarm rings.
STEP_SEC: Final = 600.0


def forget_before(now: float, keep_sec: float, oldest_at: float | None) -> float:
    """The moment before which records are deleted, Unix seconds; `keep_sec` 0 keeps all.

    At most STEP_SEC after the oldest record, whatever the clock shows.
    """
    if keep_sec <= 0 or oldest_at is None:
        return -math.inf
    return min(now - keep_sec, oldest_at + STEP_SEC)
