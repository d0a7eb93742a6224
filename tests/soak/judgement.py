"""Whether figures stayed flat: the last quarter against the quarter after the warm-up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from tests.soak.measure import KEPT_TABLES, Sample

WARM_UP = 1 / 3  # of the whole time
_WINDOW = 1 / 6
#: What the mean may grow by: a share, and so many units on top.
_SHARE = 0.05
_UNITS = {
    "database": 0.5,  # of 4 MB
    "write-ahead log": 0.5,  # of 4.4 MB
    "MB": 4.0,
    "open files": 3.0,
    "threads": 3.0,
    "rows": 200.0,
    "files": 20.0,
    "pictures": 200.0,
    "frames that wait": 60.0,
}
#: Kept for as long as the run or longer: events and failed frames for 30 days, sums for an hour.
#: The file that holds them grows with them; what they do not take of it may not grow.
_MAY_GROW = (
    *(f"rows of {table}" for table in KEPT_TABLES),
    "failed frames",
    "failed frames' pictures",
    "database, MB",
)


@dataclass(frozen=True)
class Figure:
    """A figure over the time of a run."""

    name: str
    first: float  # mean of the sixth after the warm-up
    last: float  # mean of the last sixth
    most: float  # the highest after the warm-up

    @property
    def is_flat(self) -> bool:
        """Whether it has not grown by more than it may."""
        if self.name in _MAY_GROW:
            return True
        units = next(units for word, units in _UNITS.items() if word in self.name)
        return self.last <= self.first * (1 + _SHARE) + units


def figures(samples: Sequence[Sample]) -> list[Figure]:
    """Every figure, in the order of the first sample; raises ValueError for too few samples."""
    warm, window = int(len(samples) * WARM_UP), int(len(samples) * _WINDOW)
    if not window:
        raise ValueError(f"{len(samples)} samples are too few to judge")
    later = samples[warm:]
    return [
        Figure(
            name,
            fmean(sample.get(name, 0.0) for sample in later[:window]),
            fmean(sample.get(name, 0.0) for sample in later[-window:]),
            max(sample.get(name, 0.0) for sample in later),
        )
        for name in samples[-1]
    ]
