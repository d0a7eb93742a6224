"""Totals that only grow: frames by what became of them, and how long they took."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import urlsplit

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
_LONGEST_ENDPOINT: Final = 200

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


class Took(NamedTuple):
    """How long one inferred frame took, in seconds."""

    task_type: str
    endpoint: str
    inference: float  # request to answer
    frame_latency: float | None  # arrival to settled; None: its answer counts for nothing


@dataclass(slots=True)
class Histogram:
    """Durations, counted by the bounds between which they lie."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_SEC) + 1))
    sum_sec: float = 0.0

    def observe(self, seconds: float) -> None:
        """Count one; a bound belongs to the durations below it. A clock set back makes it 0."""
        seconds = max(0.0, seconds)
        self.counts[bisect_left(BOUNDS_SEC, seconds)] += 1
        self.sum_sec += seconds


@dataclass(slots=True)
class Totals:
    """What one transaction adds."""

    frames: dict[tuple[str, str, str], int] = field(default_factory=dict)  # type, outcome, reason
    took: list[Took] = field(default_factory=list)

    def settled(self, task_type: str, outcome: str, failure: str = "", count: int = 1) -> None:
        """Count frames of an outcome; `failure` is the kind of the verdict of one that failed."""
        fate = ("failed", str(failure)) if outcome == Outcome.FAILED else _FATES[outcome]
        key = (task_type, *fate)
        self.frames[key] = self.frames.get(key, 0) + count


@lru_cache(maxsize=4096)
def endpoint_label(url: str) -> str:
    """An endpoint as metrics name it: without a user's name and password, 200 characters."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url[:_LONGEST_ENDPOINT]
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=host).geturl()[:_LONGEST_ENDPOINT]
