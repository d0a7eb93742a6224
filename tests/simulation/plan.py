"""The parts of a run, drawn from its seed; shrinking leaves out parts that a failure does not need.

Each run has some of the known habits and faults, never all: rare faults then meet.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any

from tests.simulation.cameras import CameraPlan

TRIPWIRE = "绊线人数统计"
RETENTION_SEC = 100.0  # of frames, in some runs
HORIZON_SEC = 20.0  # faults come until then, and new pictures of nearly all plans

HEARTBEAT_SEC = 4.0  # of services, at most
RESTART_SEC = 12.0  # until a service that does not recover by itself is restarted
UNTIL_BACK_SEC = HEARTBEAT_SEC + RESTART_SEC  # from when it is taken out


@dataclass(frozen=True)
class ServicePlan:
    """An algorithm service with a single endpoint."""

    name: str
    task_types: tuple[str, ...]
    start: float = 0.0
    limit: int | None = None
    latency: float = 0.2
    detects: float = 0.6  # share of pictures with something on them
    by_id: bool = True  # heartbeats by service_id, else by endpoint
    # How its client finds a place again that it lost: sdk, by an answer to its heartbeat; always,
    # as it registers instead of sending heartbeats; once, not before an operator starts it anew.
    client: str = "sdk"

    @property
    def endpoint(self) -> str:
        """Where it listens."""
        return f"http://{self.name}.sim:9/infer"


@dataclass(frozen=True)
class Fault:
    """Something that happens at a time (seconds since the run began)."""

    at: float
    kind: str
    target: int = 0  # number of the worker, service, machine or picture
    seconds: float = 0.0


@dataclass(frozen=True)
class Plan:
    """The plan of a run."""

    seed: int
    store: str  # local, s3
    machines: int  # 1: SQLite; more: PostgreSQL
    workers: int
    beats: int
    slots: int  # Celery's -c
    cameras: tuple[CameraPlan, ...]
    services: tuple[ServicePlan, ...]
    faults: tuple[Fault, ...]
    offsets: tuple[float, ...] = ()  # of the machines' clocks
    drifts: tuple[float, ...] = ()  # of the machines' clocks, seconds a second
    file_clock: float = 0.0  # offset of the file server's
    file_grain: float = 0.0
    page: int = 1000
    stale_sec: float = 0.0
    obeys: bool = False  # the object store obeys every condition
    unheard: float = 0.0
    foreign: bool = False
    horizon: float = HORIZON_SEC  # cameras write until then
    kept_sec: float = 0.0  # after which unnamed task types are forgotten; 0: a day, as it is
    settings: dict[str, Any] = field(default_factory=dict)

    def parts(self) -> list[tuple[str, int]]:
        """The parts that may be left out, as (field, number)."""
        return [
            (name, number)
            for name in ("faults", "cameras", "services")
            for number in range(len(getattr(self, name)))
        ]

    def as_text(self) -> str:
        """The plan in words, a line for each part."""
        simple = {
            each.name: getattr(self, each.name)
            for each in fields(self)
            if each.name not in ("cameras", "services", "faults")
        }
        lines = [", ".join(f"{name}={value!r}" for name, value in simple.items())]
        return "\n".join([*lines, *map(str, (*self.cameras, *self.services, *self.faults))])

    def without(self, parts: list[tuple[str, int]]) -> Plan:
        """The plan without some of its parts."""
        changed: dict[str, Any] = {}
        for name in ("faults", "cameras", "services"):
            gone = {number for field_name, number in parts if field_name == name}
            kept = [part for number, part in enumerate(getattr(self, name)) if number not in gone]
            changed[name] = tuple(kept)
        return replace(self, **changed)
