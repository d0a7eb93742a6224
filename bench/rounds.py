"""Contenders in alternating rounds, and the row of their comparison."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final

from bench.contest import Backend, Run
from bench.others import is_noisy
from bench.progress import Progress
from bench.report import Row, Target

#: The machine is noisy where the rates of a contender's rounds differ by more than this share.
NOISE: Final = 0.2


@dataclass
class Contender:
    """One side: its round, and the results of its rounds."""

    name: str
    backend: Backend
    count: int  # frames or tasks in a round
    measure: Callable[[int], Run]
    runs: list[Run] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Frames or tasks a second, the median of the rounds."""
        return median(run.rate for run in self.runs)

    @property
    def cpu_ms(self) -> float:
        """CPU time for each frame or task with its share of the servers, the median."""
        return median(run.all_cpu_ms for run in self.runs)

    @property
    def others_cores(self) -> float:
        """The cores that programs beside the bench took, the median of the rounds."""
        return median(run.others_cores for run in self.runs)

    @property
    def spread(self) -> float:
        """By which share the fastest round is faster than the slowest."""
        rates = [run.rate for run in self.runs]
        return max(rates) / min(rates) - 1

    def play(self, progress: Progress) -> None:
        """One round."""
        with progress.step(f"{self.backend.name}: {self.name}, {self.count:,}") as step:
            run = self.measure(self.count)
            step.outcome = f"{run.rate:,.0f}/s, {run.all_cpu_ms:.2f} ms CPU each"
        self.runs.append(run)

    def shown(self) -> str:
        """Rate and CPU for people."""
        shown = f"{self.rate:,.0f}/s at {self.cpu_ms:.2f} ms CPU"
        if not self.backend.servers:
            return shown
        return f"{shown} ({median(run.cpu_ms for run in self.runs):.2f} its own)"

    def figures(self) -> dict[str, Any]:
        """The entry in the results file."""
        figures: dict[str, Any] = {
            "contender": f"{self.backend.name}: {self.name}",
            "count": self.count,
            "per_sec": [round(run.rate, 1) for run in self.runs],
            "cpu_ms": [round(run.cpu_ms, 3) for run in self.runs],
        }
        for name in self.runs[0].server_cpu_seconds:
            figures[f"{name}_cpu_ms"] = [round(run.server_cpu_ms(name), 3) for run in self.runs]
        return figures


def alternate(contenders: Sequence[Contender], rounds: int, progress: Progress) -> None:
    """Play rounds in which the contenders take turns."""
    for number in range(1, rounds + 1):
        progress.say(f"round {number} of {rounds}")
        for contender in contenders:
            contender.play(progress)


def noise_of(contenders: Sequence[Contender]) -> str:
    """Why rates give no verdict; '' where they do.

    A single round has no spread, so the cores that other programs took are looked at too.
    """
    spread = max(side.spread for side in contenders)
    others_cores = max(side.others_cores for side in contenders)
    if spread > NOISE:
        return f"rates of a side differ by {spread:.0%}"
    return f"other programs took {others_cores:.2f} cores" if is_noisy(others_cores) else ""


def compared(target: Target, ours: Contender, theirs: Contender) -> Row:
    """The row of a ratio of rates, or of the ratio of CPU time where the rates are noisy."""
    pairs = list(zip(ours.runs, theirs.runs, strict=True))
    rates = [our.rate / their.rate for our, their in pairs]
    cpu = [their.all_cpu_ms / our.all_cpu_ms for our, their in pairs]
    noise = noise_of([ours, theirs])
    by_rate, by_cpu = median(rates), median(cpu)
    detail = f"{ours.shown()} ÷ {theirs.shown()}, {theirs.name}"
    if noise:
        detail = f"{detail}; by CPU a frame, because {noise} (by rate {by_rate:.2f})"
    return Row(
        target,
        measured=by_cpu if noise else by_rate,
        detail=detail,
        figures={
            "by": "cpu" if noise else "rate",
            "ratios": [round(ratio, 3) for ratio in rates],
            "cpu_ratios": [round(ratio, 3) for ratio in cpu],
            "contenders": [ours.figures(), theirs.figures()],
        },
    )
