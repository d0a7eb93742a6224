"""Sampling: of each camera every n-th frame is inferred, n as large as the algorithms need it.

`next_sampling` is a rule on measured rates. What frames queue up behind is what the algorithms can
do: their throughput then is the capacity. n grows at once to found rate / capacity, with a tenth to
spare for the backlog, and falls by a quarter after a quiet while. Where the capacity measured last
says that a smaller n would be too small, it falls by one and the while is longer: a service may
have come or become faster.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Final

LARGEST_N: Final = 1000
_SPARE: Final = 0.9  # of the capacity that is used
_QUEUE_SEC: Final = 2.0  # of work waiting: below it the algorithms keep up
_LONG_QUEUE_SEC: Final = 30.0  # still waiting although n should do: the measure is off
_FEW: Final = 5  # frames waiting are no queue, however slow the algorithms
QUIET_SEC: Final = 60.0
PROBE_SEC: Final = 300.0
_SETTLE_SEC: Final = 30.0  # before a long queue says that n does not do


@dataclass(frozen=True, slots=True)
class Sampling:
    """How one task type is sampled."""

    n: int = 1
    changed_at: float = 0.0  # Unix seconds
    capacity_per_sec: float | None = None  # measured while frames queued up


@dataclass(frozen=True, slots=True)
class Load:
    """What was measured of a task type; frames a second."""

    found_per_sec: float  # sampled out or not
    done_per_sec: float
    waiting: int


def next_sampling(now: Sampling, load: Load, at: float) -> Sampling:
    """The sampling from here on, at a moment (Unix seconds); the same when nothing changes."""
    if load.done_per_sec <= 0:
        return now  # nothing measured: an outage is no slowness
    queue_sec = load.waiting / load.done_per_sec
    queued = load.waiting > _FEW and queue_sec > _QUEUE_SEC
    # Also without a queue the algorithms can do what they do.
    capacity = load.done_per_sec if queued else max(load.done_per_sec, now.capacity_per_sec or 0.0)
    if now.capacity_per_sec is None and not queued:
        return now
    measured = replace(now, capacity_per_sec=capacity)
    needed = _needed(load.found_per_sec, capacity)
    # The absolute age: the clock may have been set back.
    since_sec = abs(at - now.changed_at)
    if queued:
        if needed <= now.n and queue_sec > _LONG_QUEUE_SEC and since_sec >= _SETTLE_SEC:
            needed = now.n + 1
        if needed > now.n:
            return replace(measured, n=min(needed, LARGEST_N), changed_at=at)
        return measured
    pause_sec = QUIET_SEC if needed < now.n else PROBE_SEC
    if now.n > 1 and since_sec >= pause_sec:
        fewer = now.n - max(1, now.n // 4) if needed < now.n else now.n - 1
        return replace(measured, n=max(min(needed, now.n - 1), fewer), changed_at=at)
    return measured


def _needed(found_per_sec: float, capacity_per_sec: float) -> int:
    return max(1, math.ceil(found_per_sec / (_SPARE * capacity_per_sec)))


class EveryNth:
    """Says of each frame of a camera whether it is the n-th since the last that was kept.

    The first one of a camera is kept.
    """

    def __init__(self) -> None:
        self._skipped: dict[Hashable, int] = {}

    def keeps(self, camera: Hashable, n: int) -> bool:
        """Whether to infer the next frame of a camera; n may change from frame to frame."""
        skipped = self._skipped.get(camera)
        if skipped is None or skipped + 1 >= n:
            self._skipped[camera] = 0
            return True
        self._skipped[camera] = skipped + 1
        return False
