"""How much a benchmark run does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Scale:
    """Sizes of one run; the defaults are those of a full run."""

    name: str = "full"
    frames: int = 6_000  # for easyai in each round
    tasks: int = 2_000  # plain tasks in each round: enough for a steady rate
    noops: int = 4_000
    rounds: int = 3
    settled_rows: int = 1_000_000
    alert_files: int = 100_000
    ticks: int = 300  # scan ticks on either side
    turn_frames: int = 3_000  # settled on either side in each round of turns
    turn_rounds: int = 7
    live_sec: int = 15  # of writing by the cameras of a fleet
    backlog: int = 50_000  # pictures from before the start
    idle_scans: int = 15  # of many folders, one a second
    idle_sec: int = 60  # of watching all processes without frames
    latency_sec: int = 20  # of writing, each time that a rate is measured
    beats_sec: int = 4  # of heartbeats in each round
    bucket_frames: int = 1_500  # for easyai in each round on S3
    bucket_tasks: int = 600  # plain tasks in each round on S3
    bucket_rounds: int = 2
    growth_rounds: int = 3


FULL: Final = Scale()
QUICK: Final = Scale(
    name="quick",
    frames=1_500,
    tasks=800,
    noops=2_000,
    rounds=1,
    settled_rows=100_000,
    alert_files=10_000,
    ticks=100,
    turn_frames=2_000,
    turn_rounds=3,
    live_sec=4,
    backlog=10_000,
    idle_scans=5,
    idle_sec=20,
    latency_sec=8,
    beats_sec=2,
    bucket_frames=300,
    bucket_tasks=200,
    bucket_rounds=1,
    growth_rounds=1,
)
