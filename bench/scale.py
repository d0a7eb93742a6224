"""How much a benchmark run does."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """Sizes of one run."""

    name: str
    frames: int  # for easyai in each round
    tasks: int  # plain tasks and no-ops in each round: enough for a steady rate
    rounds: int
    settled_rows: int
    alert_files: int
    ticks: int  # scan ticks on either side

    @property
    def trial(self) -> int:
        """Tasks in a trial that finds the better of two pools."""
        return self.tasks // 4


FULL = Scale("full", 6_000, 2_000, 3, 1_000_000, 100_000, 300)
QUICK = Scale("quick", 1_500, 800, 2, 100_000, 10_000, 100)
