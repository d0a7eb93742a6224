"""What the page and the picture read from the results of a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

Results = Mapping[str, Any]

#: Benchmarks that compare easyai with plain Celery, by the name of their installation.
AGAINST_PLAIN: Final = {"embedded": "embedded", "servers": "Redis + PostgreSQL", "s3": "S3"}
SERVERS: Final = {"postgresql": "PostgreSQL", "redis": "Redis", "seaweedfs": "SeaweedFS"}


@dataclass(frozen=True)
class Cost:
    """Rate and CPU time of a contender, the medians of its rounds."""

    name: str
    per_sec: float
    own_ms: float  # CPU for each frame of its own processes
    servers_ms: Mapping[str, float]  # of each server

    @property
    def all_ms(self) -> float:
        """CPU for each frame, including the servers."""
        return self.own_ms + sum(self.servers_ms.values())


def rows(results: Results, benchmark: str) -> list[dict[str, Any]]:
    """The rows of a benchmark that were measured."""
    return [
        row
        for row in results["results"]
        if row.get("benchmark") == benchmark and row["measured"] is not None
    ]


def costs(results: Results) -> Iterator[tuple[str, Cost, Cost]]:
    """The installation, easyai and plain Celery of each comparison that was measured."""
    for benchmark, name in AGAINST_PLAIN.items():
        for row in rows(results, benchmark)[:1]:
            ours, theirs = row["contenders"]
            yield name, _cost(ours), _cost(theirs)


def _cost(figures: Mapping[str, Any]) -> Cost:
    servers = {key: f"{key}_cpu_ms" for key in SERVERS if f"{key}_cpu_ms" in figures}
    return Cost(
        figures["contender"],
        median(figures["per_sec"]),
        median(figures["cpu_ms"]),
        {key: median(figures[column]) for key, column in servers.items()},
    )
