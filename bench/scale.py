"""How much a benchmark run does."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """Sizes of one run."""

    name: str
    frames: int  # for easyai in each round
    tasks: int  # plain tasks in each round: enough for a steady rate
    noops: int
    rounds: int
    settled_rows: int
    alert_files: int
    ticks: int  # scan ticks on either side
    turn_frames: int  # settled on either side in each round of turns
    turn_rounds: int
    live_sec: int  # of writing by a thousand cameras
    idle_scans: int  # of many folders, one a second
    idle_sec: int  # of watching all processes without frames
    latency_sec: int  # of writing, each time that a rate is measured


FULL = Scale("full", 6_000, 2_000, 4_000, 3, 1_000_000, 100_000, 300, 3_000, 7, 30, 20, 60, 20)
QUICK = Scale("quick", 1_500, 800, 2_000, 2, 100_000, 10_000, 100, 2_000, 3, 10, 5, 20, 8)
