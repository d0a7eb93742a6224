"""All benchmarks of ``make bench``: a new benchmark is one line here and a row of README.md."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pkgutil import resolve_name
from typing import Final

from bench.progress import Progress
from bench.report import Row
from bench.scale import Scale

Benchmark = Callable[[Scale, Progress], list[Row]]

#: In the order of their run. Modules are imported when their benchmark runs.
BENCHMARKS: Final = {
    "embedded": "bench.throughput:embedded",
    "noops": "bench.throughput:against_noops",
    "servers": "bench.throughput:on_servers",
    "workers": "bench.workers:workers",
    "s3": "bench.s3:s3",
    "scan": "bench.scan_tick:scan_tick",
    "turns": "bench.turns:turns",
    "growth": "bench.growth:growth",
    "fleet": "bench.fleet:fleet",
    "backlog": "bench.fleet:backlog",
    "folders": "bench.folders:folders",
    "heartbeats": "bench.heartbeats:heartbeats",
    "pages": "bench.pages:pages",
    "idle": "bench.idle:idle",
    "latency": "bench.latency:latency",
}


def benchmark(name: str) -> Benchmark:
    """The function that measures the rows of a benchmark."""
    function: Benchmark = resolve_name(BENCHMARKS[name])
    return function


def run(name: str, scale: Scale, progress: Progress) -> list[Row]:
    """The measured rows of a benchmark, with its name; raises BenchError."""
    return [replace(row, benchmark=name) for row in benchmark(name)(scale, progress)]
