"""The first bottleneck of a fleet, and its remedy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from bench.sizing.fleet import Fleet, Seen
from bench.sizing.model import Costs, Estimate, costs, estimate
from easyai.settings.schema import AiAnalysis

#: Share of the available capacity; above it, waiting times grow.
FULL_AT: Final = 0.7
_MOST_WORKERS: Final = 10_000
#: A pool keeps five connections and may open ten more (SQLAlchemy's default, easyai/db/engines.py).
_MOST_CONNECTIONS: Final = 15


@dataclass(frozen=True)
class Limits:
    """The capacity for a fleet."""

    postgresql_cores: int = 8
    max_connections: int = 100  # PostgreSQL's default
    max_concurrent_infer: int = AiAnalysis().max_concurrent_infer
    network_mbit: int = 1_000
    round_trip_ms: float = 0.3  # round trip from a worker to PostgreSQL
    flush_ms: float = 2.0  # until a commit is on PostgreSQL's disk
    api_processes: int = 1


@dataclass(frozen=True)
class Bottleneck:
    """One resource that a fleet may exhaust."""

    name: str
    share: float  # of the usable capacity; 1: all of it
    figures: str
    remedy: str


def workers_needed(own: Costs, fleet: Fleet) -> int:
    """Worker processes: each has one core at most, which must not be fully used."""
    for count in range(1, _MOST_WORKERS):
        if estimate(own, replace(fleet, workers=count)).cores["worker"] <= FULL_AT * count:
            return count
    raise ValueError("workers: no number is enough, for each costs more than it does")


def bottlenecks(seen: Seen, fleet: Fleet, limits: Limits) -> list[Bottleneck]:
    """The fullest resource first, with the fleet's number of workers."""
    found = estimate(costs(seen), fleet)
    kinds: tuple[Callable[[Seen, Estimate, Limits], Bottleneck], ...] = (
        _leasing,
        _scanning,
        _workers,
        _postgresql,
        _connections,
        _api,
        _places,
        _network,
    )
    return sorted((kind(seen, found, limits) for kind in kinds), key=lambda one: -one.share)


def leasing_per_sec(seen: Seen, limits: Limits) -> float:
    """Frames that all workers together can lease and settle, one transaction at a time."""
    waits_ms = seen.micro.round_trips * limits.round_trip_ms + limits.flush_ms
    turn_ms = seen.micro.turn_ms + waits_ms
    return seen.micro.turn_frames / turn_ms * 1000


def _leasing(seen: Seen, found: Estimate, limits: Limits) -> Bottleneck:
    rate, most = found.fleet.frames_per_sec, leasing_per_sec(seen, limits)
    return Bottleneck(
        "leasing and settling",
        rate / (FULL_AT * most),
        f"{rate:,.0f} of {most:,.0f} frames/s; "
        "one transaction of the dispatchers at a time over all machines",
        "PostgreSQL with faster cores, near the workers; `sampling`; then a second installation",
    )


def _scanning(seen: Seen, found: Estimate, _: Limits) -> Bottleneck:
    fleet, micro = found.fleet, seen.micro
    frames_sec = fleet.frames_per_sec * micro.scan_ms_a_frame / 1000
    folders_sec = fleet.cameras * micro.scan_ms_a_folder / 1000
    return Bottleneck(
        "scanning",
        (frames_sec + folders_sec) / FULL_AT,
        f"{frames_sec + folders_sec:.2f} s for what one second brings; one scan at a time",
        "fewer frames (longer intervals at the cameras); then a second installation",
    )


def _workers(seen: Seen, found: Estimate, _: Limits) -> Bottleneck:
    fleet, cores = found.fleet, found.cores["worker"]
    return Bottleneck(
        "workers",
        cores / (FULL_AT * fleet.workers),
        f"{cores:.1f} cores; {fleet.workers} processes, of one core at most each",
        f"{workers_needed(costs(seen), fleet)} worker processes",
    )


def _postgresql(_: Seen, found: Estimate, limits: Limits) -> Bottleneck:
    cores = found.cores["postgresql"]
    return Bottleneck(
        "PostgreSQL",
        cores / (FULL_AT * limits.postgresql_cores),
        f"{cores:.1f} of {limits.postgresql_cores} cores, {found.commits_per_sec:,.0f} commits/s",
        "a server of its own with more cores, and disks that flush quickly",
    )


def _connections(_: Seen, found: Estimate, limits: Limits) -> Bottleneck:
    most = found.fleet.workers * _MOST_CONNECTIONS + found.connections
    return Bottleneck(
        "connections",
        most / limits.max_connections,
        f"{found.connections:,.0f}, at most {most:,.0f}, of {limits.max_connections}",
        "a higher `max_connections` of PostgreSQL",
    )


def _api(_: Seen, found: Estimate, limits: Limits) -> Bottleneck:
    cores, beats = found.cores["api"], found.fleet.heartbeats_per_sec
    return Bottleneck(
        "API",
        cores / (FULL_AT * limits.api_processes),
        f"{cores:.2f} cores, {beats:,.1f} heartbeats/s; {limits.api_processes} processes",
        "a further API host behind a proxy; an object store, which serves pictures itself",
    )


def _places(_: Seen, found: Estimate, limits: Limits) -> Bottleneck:
    in_flight = found.fleet.frames_per_sec * found.fleet.infer_ms / 1000
    return Bottleneck(
        "places",
        in_flight / (FULL_AT * limits.max_concurrent_infer),
        f"{in_flight:,.0f} frames in flight, `max_concurrent_infer` = "
        f"{limits.max_concurrent_infer:,}",
        f"`max_concurrent_infer` = {in_flight / FULL_AT:,.0f}, and services that take so many",
    )


def _network(_: Seen, found: Estimate, limits: Limits) -> Bottleneck:
    mbit = found.kb_per_sec * 8 / 1000
    return Bottleneck(
        "network of the store",
        mbit / (FULL_AT * limits.network_mbit),
        f"{mbit:,.0f} of {limits.network_mbit:,} Mbit/s",
        "a faster network to the store, or more store servers; smaller pictures",
    )
