"""What a run is made of, drawn from its seed; a part of it can be left out, to find what it needs.

Each run has some of the habits and faults that are known, never all: rare ones meet then.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, fields, replace
from typing import Any

from tests.simulation.cameras import CameraPlan

TRIPWIRE = "绊线人数统计"
RETENTION_SEC = 100.0  # of frames, in some runs
HORIZON_SEC = 20.0  # faults and new pictures come until then


@dataclass(frozen=True)
class ServicePlan:
    """An algorithm service: one endpoint."""

    name: str
    task_types: tuple[str, ...]
    start: float = 0.0
    limit: int | None = None
    latency: float = 0.2
    detects: float = 0.6  # share of pictures with something on them
    by_id: bool = True  # heartbeats by service_id, else by endpoint

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
    """One run."""

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
    file_clock: float = 0.0  # offset of the file server's
    file_grain: float = 0.0
    page: int = 1000
    stale_sec: float = 0.0
    unheard: float = 0.0
    foreign: bool = False
    settings: dict[str, Any] = field(default_factory=dict)

    def parts(self) -> list[tuple[str, int]]:
        """What may be left out, as (field, number)."""
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
            kept = [one for number, one in enumerate(getattr(self, name)) if number not in gone]
            changed[name] = tuple(kept)
        return replace(self, **changed)


def draw(seed: int) -> Plan:
    """The plan of a seed."""
    rng = random.Random(f"plan {seed}")
    many = rng.random() < 0.03
    types = _types(rng, many)
    machines = rng.choice([1, 1, 2, 3])
    store = rng.choice(["local", "local", "s3"])
    odd_clock = rng.random() < 0.3
    workers = rng.choice([1, 2, 2, 3, 4])
    cameras = tuple(_camera(rng, n, types, store) for n in range(_count(rng, many, len(types))))
    services = _services(rng, types)
    return Plan(
        seed=seed,
        store=store,
        machines=machines,
        workers=workers,
        beats=rng.choice([1, 1, 2]),
        slots=rng.choice([1, 4, 8]),
        cameras=cameras,
        services=services,
        faults=_faults(rng, workers, len(services), machines),
        offsets=tuple(_offset(rng) for _ in range(machines)),
        file_clock=rng.choice([-5.0, 5.0, -3600.0, 0.7]) if odd_clock else 0.0,
        file_grain=rng.choice([0.0, 0.0, 0.004, 1.0]),
        page=rng.choice([2, 3, 5, 1000]),
        stale_sec=rng.choice([0.0, 0.0, 2.0]),
        unheard=rng.choice([0.0, 0.0, 0.02]),
        foreign=rng.random() < 0.3,
        settings=_settings(rng),
    )


def _types(rng: random.Random, many: bool) -> list[str]:
    if many:
        return [f"类型{number:03d}" for number in range(rng.choice([40, 80]))]
    return [
        *(["人数统计", "安全帽", "smoke"][: rng.randint(1, 3)]),
        *rng.sample([TRIPWIRE], rng.randint(0, 1)),
    ]


def _count(rng: random.Random, many: bool, types: int) -> int:
    return types if many else rng.randint(1, 6)


def _camera(rng: random.Random, number: int, types: list[str], store: str) -> CameraPlan:
    habit = "rename" if store == "s3" else rng.choice(["rename", "rename", "in_place"])
    latest = rng.random() < 0.25
    slow = rng.choice([0.0, 2.0, 4.0]) if habit == "in_place" else 0.0
    truncates = habit != "in_place" or rng.random() < 0.7
    few = len(types) > 10
    return CameraPlan(
        name=f"门口{number}",
        task_type=types[number] if few else rng.choice(types),
        habit=habit,
        start=rng.uniform(0.0, 8.0),
        period=rng.choice([0.1, 0.4]) if latest else rng.choice([0.5, 1.5, 4.0]),
        count=rng.randint(1, 3) if few else rng.randint(2, 40 if latest else 14),
        latest=latest,
        marked=rng.random() < 0.8,
        sets_times=rng.choice(["", "", "", "past", "future"]) if store == "local" else "",
        slow=slow,
        # Whoever keeps a file open, leaves it alone and writes over it later is not covered: no
        # look can tell (docs/decisions/0009-one-version.md).
        first_byte=rng.choice([0.0, 0.0, 4.0]) if slow and truncates else 0.0,
        truncates=truncates,
        poisons=_poisons(rng) if rng.random() < 0.12 else {},
    )


def _poisons(rng: random.Random) -> dict[int, str]:
    return {rng.randint(0, 3): rng.choice(["hang", "refuse", "break"])}


def _services(rng: random.Random, types: list[str]) -> tuple[ServicePlan, ...]:
    crowd = rng.random() < 0.02
    count = 100 if crowd else max(rng.randint(1, 5), len(types) // 10)
    plans = []
    for number in range(count):
        # Each type is served by somebody.
        own = [name for place, name in enumerate(types) if place % count == number]
        own += [name for name in types if rng.random() < 0.4 and name not in own]
        plans.append(
            ServicePlan(
                name=f"svc{number}",
                task_types=tuple(own or types[:1]),
                start=rng.choice([0.0, 0.0, rng.uniform(0, 10)]),
                limit=rng.choice([None, 1, 2, 3]),
                latency=rng.choice([0.02, 0.2, 0.6]),
                detects=rng.choice([0.0, 0.5, 1.0]),
                by_id=rng.random() < 0.5,
            )
        )
    return tuple(plans)


def _offset(rng: random.Random) -> float:
    return rng.choice([0.0, 0.0, 20.0, -20.0, 3600.0])


def _settings(rng: random.Random) -> dict[str, Any]:
    return {
        "max_concurrent_infer": rng.choice([2, 4, 20, 100]),
        "batch_size": rng.choice([2, 5, 100]),
        "lease_sec": rng.choice([3.0, 6.0, 15.0]),
        "infer_timeout_sec": rng.choice([1.5, 3.0]),
        "heartbeat_timeout_sec": 12.0,
        "save_only_with_detection": rng.random() < 0.8,
        "queue_full_strategy": rng.choice(
            ["wait", "wait", "drop_oldest", "drop_newest", "latest_only"]
        ),
        "max_queue_size": rng.choice([5, 5000]),
        "max_alerts_in_db": 0,
        "outage_retention_hours": rng.choice([24.0, 24.0, 24.0, RETENTION_SEC / 3600]),
        "disk_min_free_percent": 0,
    }


_KINDS = (
    "kill_worker",
    "kill_worker",
    "freeze_worker",
    "kill_everything",
    "service_dies",
    "service_dies",
    "database_down",
    "clock_jump",
    "suspend",
    "requeue",
    "delete_alert",
    "take_away",
    "kill_beat",
    "store_down",
    "no_heartbeats",
)


def _faults(rng: random.Random, workers: int, services: int, machines: int) -> tuple[Fault, ...]:
    faults = []
    for _ in range(rng.choice([0, 1, 2, 4, 8])):
        kind = rng.choice(_KINDS)
        target = {"service_dies": services, "clock_jump": machines, "suspend": machines}
        faults.append(
            Fault(
                at=round(rng.uniform(2.0, HORIZON_SEC), 3),
                kind=kind,
                target=rng.randrange(target.get(kind, workers)),
                seconds=_seconds(rng, kind),
            )
        )
    return tuple(sorted(faults, key=lambda fault: fault.at))


def _seconds(rng: random.Random, kind: str) -> float:
    if kind == "clock_jump":
        return rng.choice([-3600.0, -10.0, 10.0, 3600.0])
    if kind == "no_heartbeats":
        return rng.choice([10.0, 25.0])
    if kind == "freeze_worker":
        return rng.choice([1.0, 8.0, 20.0])
    return rng.choice([0.5, 3.0, 10.0])
