"""Totals that only grow: frames by what became of them, and how long they took."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from easyai.domain.frame import Outcome
from easyai.domain.verdict import Kind

#: Upper bounds in seconds that OpenTelemetry advises for durations (semantic conventions, HTTP).
BOUNDS_SEC: Final = (
    0.005,
    0.01,
    0.025,
    0.05,
    0.075,
    0.1,
    0.25,
    0.5,
    0.75,
    1.0,
    2.5,
    5.0,
    7.5,
    10.0,
)
#: The endpoint of those that have no series of their own; none of an HTTP service reads so.
OTHER: Final = "other"

_DROPPED: Final = (Outcome.QUEUE_FULL, Outcome.TOO_OLD, Outcome.DISK_LOW)
_FAILED: Final = (Kind.REFUSED, Kind.BROKEN, Kind.TIMEOUT)
# By outcome, in the words of the statistics: what is dropped has its outcome as its reason.
_FATES: Final[Mapping[str, tuple[str, str]]] = {
    str(outcome): ("dropped", str(outcome)) if outcome in _DROPPED else (str(outcome), "")
    for outcome in Outcome
}
#: Every outcome and reason that there is.
FATES: Final = (
    *(fate for outcome, fate in _FATES.items() if outcome != Outcome.FAILED),
    *((str(Outcome.FAILED), str(kind)) for kind in _FAILED),
)


@dataclass(frozen=True, slots=True)
class Histogram:
    """Durations, counted by the bounds between which they lie."""

    counts: Sequence[int]  # the last one above the highest bound
    sum_sec: float

    @classmethod
    def of(cls, durations: Iterable[float]) -> Histogram:
        """Of seconds; a bound belongs to those below it, and a clock set back makes 0."""
        ordered = sorted(max(0.0, seconds) for seconds in durations)
        ends = [0, *(bisect_right(ordered, bound) for bound in BOUNDS_SEC), len(ordered)]
        return cls([end - start for start, end in pairwise(ends)], sum(ordered))


@dataclass(slots=True)
class Took:
    """How long inferred frames of one task type took at one endpoint, in seconds."""

    inference: list[float] = field(default_factory=list)  # request to answer
    frame_latency: list[float] = field(default_factory=list)  # arrival to settled


@dataclass(slots=True)
class Totals:
    """What one transaction adds; kept cheap, for it is done for each frame."""

    # By task type, outcome and kind of the verdict ('' where none was given).
    frames: dict[tuple[str, str, str], int] = field(default_factory=dict)
    took: dict[tuple[str, str], Took] = field(default_factory=dict)  # by task type and endpoint

    def settled(self, task_type: str, outcome: str, kind: str = "", count: int = 1) -> None:
        """Count frames of an outcome."""
        key = (task_type, outcome, kind)
        self.frames[key] = self.frames.get(key, 0) + count

    def at(self, task_type: str, endpoint: str) -> Took:
        """Where the durations of a type at an endpoint are collected."""
        key = (task_type, endpoint)
        durations = self.took.get(key)
        if durations is None:
            durations = self.took[key] = Took()
        return durations

    def by_fate(self) -> Counter[tuple[str, str, str]]:
        """Frames by task type and one of `FATES`."""
        counts: Counter[tuple[str, str, str]] = Counter()
        for (task_type, outcome, kind), count in self.frames.items():
            fate = ("failed", str(kind)) if outcome == Outcome.FAILED else _FATES[outcome]
            counts[task_type, *fate] += count
        return counts


def collect(into: dict[tuple[str, str], Took], took: Mapping[tuple[str, str], Took]) -> None:
    """Add durations to others; those added stay as they are."""
    for key, own in took.items():
        sums = into.get(key)
        if sums is None:
            sums = into[key] = Took()
        sums.inference += own.inference
        sums.frame_latency += own.frame_latency
