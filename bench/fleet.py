"""Cameras that each write one frame a second: does easyai keep up?"""

from __future__ import annotations

import os
from dataclasses import asdict

from bench.live import LiveFleet, Outcome, measure
from bench.progress import Progress
from bench.report import Row, Target
from bench.scale import Scale

_TICKS = LiveFleet(cameras=120, types=12, services=12, together=True)
_EVEN = LiveFleet(cameras=1_000, services=20, infer_ms=50)
_BESIDE = LiveFleet(cameras=50, waiting=50_000)
_KEPT_UP_SEC, _GOAL_SEC = 2.0, 1.5


def fleet(scale: Scale, progress: Progress) -> list[Row]:
    """How long after the last written frame the last frame is settled."""
    named = {
        f"{_TICKS.types} types × {_TICKS.services} services × {_TICKS.cameras} cameras, one frame"
        " each a tick": _TICKS,
        f"{_EVEN.cameras:,} cameras × 1 frame/s, {_EVEN.services} services of"
        f" {_EVEN.infer_ms:g} ms": _EVEN,
    }
    return [_row(name, one, scale.live_sec, progress) for name, one in named.items()]


def _row(name: str, one: LiveFleet, seconds: int, progress: Progress) -> Row:
    title = f"{name}: seconds from the last frame written to the last frame settled"
    target = Target(title, _KEPT_UP_SEC, _GOAL_SEC, lower_is_better=True)
    with progress.step(f"fleet: {name}, {seconds} s") as step:
        outcome = measure(one, seconds)
        step.outcome = f"settled {outcome.behind_sec:.2f} s after, {outcome.cores:.2f} cores"
    return Row(target, outcome.behind_sec, _detail(outcome), figures=_figures(one, outcome))


def backlog(scale: Scale, progress: Progress) -> list[Row]:
    """How soon frames of live cameras are seen beside pictures from before the start."""
    cameras, waiting = _BESIDE.cameras, _BESIDE.waiting
    target = Target(
        f"seconds until 99 of 100 frames of {cameras} live cameras are seen, beside"
        f" {waiting:,} waiting pictures",
        2.0,
        1.5,
        lower_is_better=True,
    )
    with progress.step(f"backlog: {waiting:,} waiting, {cameras} cameras") as step:
        outcome = measure(_BESIDE, scale.live_sec)
        step.outcome = f"seen after {outcome.seen_sec:.2f} s"
    return [Row(target, outcome.seen_sec, _detail(outcome), figures=_figures(_BESIDE, outcome))]


def _detail(outcome: Outcome) -> str:
    return (
        f"{outcome.cores:.2f} of {os.cpu_count()} cores, {outcome.cpu_ms:.2f} ms CPU a frame; 99 of"
        f" 100 frames seen after {outcome.seen_sec:.2f} s, settled after"
        f" {outcome.settled_sec:.2f} s; the last {outcome.behind_sec:.2f} s after it was written"
    )


def _figures(one: LiveFleet, outcome: Outcome) -> dict[str, object]:
    rounded = {name: round(value, 3) for name, value in asdict(outcome).items()}
    return {"fleet": asdict(one), **rounded}
