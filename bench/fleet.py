"""Cameras that each write one frame a second: does easyai keep up?"""

from __future__ import annotations

import os
from dataclasses import asdict, replace

from bench import others
from bench.live import LiveFleet, Outcome, measure
from bench.progress import Progress
from bench.report import Row, Target
from bench.scale import Scale

_TICKS = LiveFleet(cameras=120, types=12, services=12, together=True)
_EVEN = LiveFleet(cameras=1_000, services=20, infer_ms=50)
_BESIDE = LiveFleet(cameras=50)
_BEHIND = (2.0, 1.5)  # seconds within which the last frame must and should be settled
_CORES = (0.7, 0.5)  # shares of the cores with which a fleet keeps up


def fleet(scale: Scale, progress: Progress) -> list[Row]:
    """How long after the last written frame the last frame is settled."""
    named = {
        f"{_TICKS.types} types × {_TICKS.services} services × {_TICKS.cameras} cameras, one frame"
        " each a tick": _TICKS,
        f"{_EVEN.cameras:,} cameras × 1 frame/s, {_EVEN.services} services of"
        f" {_EVEN.infer_ms:g} ms": _EVEN,
    }
    return [_row(name, one, scale.live_sec, progress) for name, one in named.items()]


def _row(name: str, cameras: LiveFleet, seconds: int, progress: Progress) -> Row:
    with progress.step(f"fleet: {name}, {seconds} s") as step:
        outcome = measure(cameras, seconds)
        step.outcome = f"settled {outcome.behind_sec:.2f} s after, {outcome.cores:.2f} cores"
    return fleet_row(name, cameras, outcome)


def fleet_row(name: str, cameras: LiveFleet, outcome: Outcome) -> Row:
    """Seconds behind the cameras; on a noisy machine the cores that such a fleet needs."""
    if others.is_noisy(outcome.others_cores):
        needed = outcome.cpu_ms * cameras.cameras / 1000  # a frame a second of each camera
        title, at_least, goal = "cores needed ÷ cores (noisy machine)", *_CORES
        measured = needed / (os.cpu_count() or 1)
    else:
        title, at_least, goal = "seconds from the last frame written to the last settled", *_BEHIND
        measured = outcome.behind_sec
    target = Target(f"{name}: {title}", at_least, goal, lower_is_better=True)
    return Row(target, measured, _detail(outcome), figures=_figures(cameras, outcome))


def backlog(scale: Scale, progress: Progress) -> list[Row]:
    """How soon frames of live cameras are seen beside pictures from before the start."""
    beside = replace(_BESIDE, waiting=scale.backlog)
    cameras, waiting = beside.cameras, beside.waiting
    target = Target(
        f"seconds until 99 of 100 frames of {cameras} live cameras are seen, beside"
        f" {waiting:,} waiting pictures",
        2.0,
        1.5,
        lower_is_better=True,
    )
    with progress.step(f"backlog: {waiting:,} waiting, {cameras} cameras") as step:
        outcome = measure(beside, scale.live_sec)
        step.outcome = f"seen after {outcome.seen_sec:.2f} s"
    return [Row(target, outcome.seen_sec, _detail(outcome), figures=_figures(beside, outcome))]


def _detail(outcome: Outcome) -> str:
    cores = f"{outcome.cores:.2f} of {os.cpu_count()} cores"
    return (
        f"{cores} (other programs {outcome.others_cores:.2f}), {outcome.cpu_ms:.2f} ms CPU a frame;"
        f" 99 of 100 frames seen after {outcome.seen_sec:.2f} s, settled after"
        f" {outcome.settled_sec:.2f} s; the last {outcome.behind_sec:.2f} s after it was written"
    )


def _figures(one: LiveFleet, outcome: Outcome) -> dict[str, object]:
    rounded = {name: round(value, 3) for name, value in asdict(outcome).items()}
    return {"fleet": asdict(one), **rounded}
