"""Sampling: every n-th frame of each camera is inferred, with n as large as the algorithms need.

`next_sampling` is a control loop that runs every few seconds:

- Frames wait for seconds, every place is taken, and the queue grows: n grows by half, once in five
  seconds, however many scanners ask. The rate that was let through was too high; it is remembered
  as the bound of the capacity. (n also grows, every half minute, if a queue shrinks so slowly that
  it would last five minutes.)
- No frame waits long: n falls as far as four fifths of that bound allow, or, a while later, as far
  as the endpoints have idle time. After five minutes the bound is too old: n falls step by step
  until frames queue up or every frame is inferred.
- Anything between (a queue drains, or frames wait for something other than the algorithms): n does
  not change.

The bound is never lowered while places are free, and it rises to the rate of inferred frames.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Final

LARGEST_N: Final = 1000
LATE_SEC: Final = 5.0  # a frame that has waited longer is late
QUIET_SEC: Final = 10.0  # after a change, before n falls
SETTLE_SEC: Final = 30.0  # after a change, until the measured rates show the effect of the new n
BOUND_SEC: Final = 300.0  # after a change, until the bound is forgotten
# After a change, until a growing queue is evidence: a little less than between two adaptations.
STEP_SEC: Final = 4.5
_DRAIN_SEC: Final = 300.0  # in which a queue has to be empty
_BELOW_BOUND: Final = 0.8  # rates measured over ten seconds are off by a tenth
# Share of the time: an endpoint that works on a single call at a time has idle time.
_BUSY: Final = 0.6


@dataclass(frozen=True, slots=True)
class Sampling:
    """The sampling of a task type."""

    n: int = 1
    changed_at: float = 0.0  # Unix seconds
    capacity_per_sec: float | None = None  # a bound: this rate was too high; None: unknown


@dataclass(frozen=True, slots=True)
class Load:
    """The measurements of a task type over the last seconds."""

    found_per_sec: float  # frames, sampled out or not
    done_per_sec: float
    waiting: int = 0
    growing: bool = False  # at least as many frames wait as at the last adaptation
    late: bool = False  # a frame has waited LATE_SEC, or was given up because the queue is full
    full: bool = False  # every place at the algorithms is taken
    busy: float = 0.0  # calls under way per endpoint, on average


def next_sampling(now: Sampling, load: Load, at: float) -> Sampling:
    """The sampling from the moment `at` (Unix seconds) on; returns `now` if nothing changes."""
    if now.capacity_per_sec is not None:
        now = replace(now, capacity_per_sec=max(now.capacity_per_sec, load.done_per_sec))
    # The absolute age: the clock may have been set back.
    since_sec = abs(at - now.changed_at)
    if load.late:
        return _more(now, load, at) if _too_much(now, load, since_sec) else now
    if now.n > 1 and not load.full and since_sec >= QUIET_SEC:
        return _fewer(now, load, since_sec, at)
    return now


def _too_much(now: Sampling, load: Load, since_sec: float) -> bool:
    """Whether the algorithms are too slow for the frames that the n in force lets through."""
    if not load.full or load.done_per_sec <= 0:
        return False  # frames do not wait for the algorithms, or there is an outage
    kept_per_sec = load.found_per_sec / now.n
    if load.growing and kept_per_sec > load.done_per_sec:
        return since_sec >= STEP_SEC
    # A long queue: letting less than half through would hardly shorten it sooner.
    shrinks_by = load.done_per_sec - kept_per_sec
    lasts = load.waiting > shrinks_by * _DRAIN_SEC and kept_per_sec > load.done_per_sec / 2
    return lasts and since_sec >= SETTLE_SEC


def _more(now: Sampling, load: Load, at: float) -> Sampling:
    kept_per_sec = load.found_per_sec / now.n
    bound = kept_per_sec if kept_per_sec > load.done_per_sec else now.capacity_per_sec
    return Sampling(min(now.n + max(1, now.n // 2), LARGEST_N), at, bound)


def _fewer(now: Sampling, load: Load, since_sec: float, at: float) -> Sampling:
    n = now.n
    if now.capacity_per_sec is not None:
        n = math.floor(load.found_per_sec / (_BELOW_BOUND * now.capacity_per_sec)) + 1
    if since_sec >= SETTLE_SEC:
        n = min(n, max(1, math.ceil(now.n * load.busy / _BUSY)))
    if n < now.n:
        return replace(now, n=n, changed_at=at)
    if now.capacity_per_sec is None or since_sec >= BOUND_SEC:
        return Sampling(now.n - max(1, now.n // 4), at)
    return now


class EveryNth:
    """Keeps every n-th frame of each camera, counted from the last kept frame.

    The first frame of a camera is kept.
    """

    def __init__(self) -> None:
        self._skipped: dict[Hashable, int] = {}
        self._before: dict[Hashable, int] = {}  # cameras not seen since `forget`

    def __len__(self) -> int:
        """How many cameras are remembered."""
        return len(self._skipped) + len(self._before)

    def forget(self) -> None:
        """Forget the cameras that were not seen since the last call."""
        self._before, self._skipped = self._skipped, {}

    def keeps(self, camera: Hashable, n: int) -> bool:
        """Whether to infer the next frame of a camera; n may change from frame to frame."""
        before = self._before.pop(camera, None)
        skipped = self._skipped.get(camera, before)
        if skipped is None or skipped + 1 >= n:
            self._skipped[camera] = 0
            return True
        self._skipped[camera] = skipped + 1
        return False
