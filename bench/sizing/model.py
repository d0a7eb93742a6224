"""The needs of a fleet, computed as sums of measured costs.

Every cost is the difference of two measurements, divided by the difference of their loads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bench.sizing.fleet import ROLES, Fleet, Measurement, Seen

_PICTURE_TRIPS: Final = 2  # written by its camera, fetched by its service; a store moves it itself


@dataclass(frozen=True)
class Cost:
    """The costs of one item, per second."""

    cores: dict[str, float]  # CPU seconds by role
    commits: float
    kb: float


@dataclass(frozen=True)
class Costs:
    """The costs of an installation: `base`, plus a cost for each further item."""

    base: Cost  # API, beat, watchdog, servers and one worker, without cameras
    worker: Cost  # one more worker process
    camera: Cost  # its folder, without new frames
    frame: Cost
    ring: Cost  # a wake: one for each type with new frames, each second
    heartbeat: Cost
    connections: int  # with one worker
    connections_a_worker: float


@dataclass(frozen=True)
class Estimate:
    """The needs of a fleet, by the model."""

    fleet: Fleet
    cores: dict[str, float]
    commits_per_sec: float
    connections: float
    kb_per_sec: float


def costs(seen: Seen) -> Costs:
    """The costs from the base measurements."""
    base = seen.base
    idle, more = base["idle"], base["workers"].fleet.workers - base["idle"].fleet.workers
    cameras = base["folders"].fleet.cameras - idle.fleet.cameras
    camera = _difference(base["folders"], idle, cameras)
    beaten, heartbeats = base["heartbeats"], base["heartbeats"].fleet.heartbeats_per_sec
    worker = _difference(base["workers"], idle, more)
    ring = _difference(
        base["types"],
        base["frames"],
        base["types"].fleet.rings_per_sec - base["frames"].fleet.rings_per_sec,
    )
    rest = _difference(base["frames"], idle, 1)
    own = base["frames"].fleet
    left = [(camera, own.cameras - idle.fleet.cameras), (ring, own.rings_per_sec)]
    return Costs(
        base=_difference(idle, None, 1),
        worker=worker,
        camera=camera,
        frame=_scaled(_without(rest, left), 1 / own.frames_per_sec),
        ring=ring,
        heartbeat=_difference(beaten, idle, heartbeats),
        connections=idle.connections,
        connections_a_worker=max(0.0, (base["workers"].connections - idle.connections) / more),
    )


def estimate(costs: Costs, fleet: Fleet) -> Estimate:
    """The needs of this fleet."""
    parts = [
        (costs.base, 1.0),
        (costs.worker, fleet.workers - 1.0),
        (costs.camera, float(fleet.cameras)),
        (costs.frame, fleet.frames_per_sec),
        (costs.ring, fleet.rings_per_sec),
        (costs.heartbeat, fleet.heartbeats_per_sec),
    ]
    return Estimate(
        fleet=fleet,
        cores={role: sum(cost.cores[role] * count for cost, count in parts) for role in ROLES},
        commits_per_sec=sum(cost.commits * count for cost, count in parts),
        connections=costs.connections + costs.connections_a_worker * (fleet.workers - 1),
        kb_per_sec=sum(cost.kb * count for cost, count in parts)
        + fleet.frames_per_sec * fleet.picture_kb * _PICTURE_TRIPS,
    )


def factor(foretold: float, measured: float, floor: float) -> float:
    """The factor between both, 1 if they are equal; values below the floor count as the floor."""
    one, other = max(foretold, floor), max(measured, floor)
    return max(one / other, other / one)


def _difference(one: Measurement, other: Measurement | None, count: float) -> Cost:
    def each(value: float, less: float) -> float:
        return max(0.0, value - less) / count

    return Cost(
        cores={role: each(one.cores[role], other.cores[role] if other else 0) for role in ROLES},
        commits=each(one.commits_per_sec, other.commits_per_sec if other else 0),
        kb=each(one.kb_per_sec, other.kb_per_sec if other else 0),
    )


def _without(rest: Cost, parts: list[tuple[Cost, float]]) -> Cost:
    return Cost(
        cores={
            role: max(0.0, rest.cores[role] - sum(cost.cores[role] * n for cost, n in parts))
            for role in ROLES
        },
        commits=max(0.0, rest.commits - sum(cost.commits * n for cost, n in parts)),
        kb=max(0.0, rest.kb - sum(cost.kb * n for cost, n in parts)),
    )


def _scaled(cost: Cost, by: float) -> Cost:
    return Cost({role: value * by for role, value in cost.cores.items()},
                cost.commits * by, cost.kb * by)  # fmt: skip
