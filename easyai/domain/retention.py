"""How long things that are over are remembered, by a clock that may be wrong."""

from __future__ import annotations

import math
from typing import Final

# What one run of upkeep, a minute after the last, may forget by age beyond the oldest there is.
# Ten times the pace of time: enough to catch up after a shorter limit was set, and a clock that
# jumped years ahead takes hours to empty a week of history, with its alarm ringing.
STEP_SEC: Final = 600.0


def forget_before(now: float, keep_sec: float, oldest_at: float | None) -> float:
    """The moment before which things are forgotten, Unix seconds; `keep_sec` 0 keeps all.

    Never more than a step behind the oldest, whatever the clock says.
    """
    if keep_sec <= 0 or oldest_at is None:
        return -math.inf
    return min(now - keep_sec, oldest_at + STEP_SEC)
