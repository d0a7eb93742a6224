"""Totals that only grow: frames by outcome, and their durations."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from easyai.domain.frame import Outcome
from easyai.domain.verdict import CallResult

#: Upper bounds in seconds, as OpenTelemetry advises for durations (semantic conventions, HTTP).
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
#: The label of endpoints without a series of their own; no endpoint of a service has this label.
OTHER: Final = "other"

_DROPPED: Final = (Outcome.QUEUE_FULL, Outcome.TOO_OLD, Outcome.DISK_LOW)
_FAILED: Final = (CallResult.REFUSED, CallResult.BROKEN, CallResult.TIMEOUT)
# Fate and reason by outcome, in the words of the statistics: the reason of a drop is its outcome.
_FATES: Final[Mapping[str, tuple[str, str]]] = {
    str(outcome): ("dropped", str(outcome)) if outcome in _DROPPED else (str(outcome), "")
    for outcome in Outcome
}
#: All pairs of fate and reason.
FATES: Final = (
    *(fate for outcome, fate in _FATES.items() if outcome != Outcome.FAILED),
    *((str(Outcome.FAILED), str(kind)) for kind in _FAILED),
)


@dataclass(frozen=True, slots=True)
class Histogram:
    """Durations, counted between consecutive bounds."""

    counts: Sequence[int]  # the last count is above the highest bound
    sum_sec: float

    @classmethod
    def of(cls, durations: Iterable[float]) -> Histogram:
        """The histogram of durations in seconds; bounds are inclusive, negative durations are 0.

        A duration is negative when the clock was set back.
        """
        counts, sum_sec = [0] * (len(BOUNDS_SEC) + 1), 0.0
        for seconds in durations:
            counts[bisect_left(BOUNDS_SEC, seconds)] += 1
            sum_sec += seconds if seconds > 0 else 0.0
        return cls(counts, sum_sec)


@dataclass(slots=True)
class Durations:
    """How long inferred frames of a task type took at an endpoint, in seconds."""

    inference: list[float] = field(default_factory=list)  # request to answer
    frame_latency: list[float] = field(default_factory=list)  # arrival to settled


@dataclass(slots=True)
class Totals:
    """The counts that a transaction adds; kept cheap, because it runs for each frame."""

    # By task type, outcome and kind of the verdict ('' where none was given).
    frames: dict[tuple[str, str, str], int] = field(default_factory=dict)
    durations: dict[tuple[str, str], Durations] = field(
        default_factory=dict
    )  # by task type and endpoint
    # Frames that were given up, by camera, task type and outcome.
    cameras: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def settled(self, task_type: str, outcome: str, kind: str = "", count: int = 1) -> None:
        """Count frames of an outcome."""
        key = (task_type, outcome, kind)
        self.frames[key] = self.frames.get(key, 0) + count

    def add_frames(self, other: Totals) -> None:
        """Add the frames of other totals."""
        for (task_type, outcome, kind), count in other.frames.items():
            self.settled(task_type, outcome, kind, count)
        self.cameras.update(other.cameras)

    def at(self, task_type: str, endpoint: str) -> Durations:
        """The collector of the durations of a type at an endpoint."""
        key = (task_type, endpoint)
        collected = self.durations.get(key)
        if collected is None:
            collected = self.durations[key] = Durations()
        return collected

    def by_fate(self) -> Counter[tuple[str, str, str]]:
        """Frames by task type and fate (see `FATES`)."""
        counts: Counter[tuple[str, str, str]] = Counter()
        for (task_type, outcome, kind), count in self.frames.items():
            fate = ("failed", str(kind)) if outcome == Outcome.FAILED else _FATES[outcome]
            counts[task_type, *fate] += count
        return counts


def collect(
    into: dict[tuple[str, str], Durations], took: Mapping[tuple[str, str], Durations]
) -> None:
    """Add the durations `took` to `into`; `took` does not change."""
    for key, own in took.items():
        sums = into.get(key)
        if sums is None:
            sums = into[key] = Durations()
        sums.inference += own.inference
        sums.frame_latency += own.frame_latency
