"""The load on an installation, and its measured costs."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Final

ROLES: Final = ("worker", "beat", "watchdog", "api", "postgresql", "redis")


@dataclass(frozen=True)
class Fleet:
    """Cameras, services and worker processes."""

    cameras: int
    interval_sec: float  # between two frames of a camera; 0: it sends none
    types: int = 1
    workers: int = 1  # worker processes on all machines
    services: int = 1
    heartbeat_sec: float = 30.0  # between two heartbeats of a service
    infer_ms: float = 0.0  # duration of a service's inference of a frame
    picture_kb: float = 6.0

    @property
    def frames_per_sec(self) -> float:
        """New frames of all cameras, per second."""
        return self.cameras / self.interval_sec if self.interval_sec else 0.0

    @property
    def heartbeats_per_sec(self) -> float:
        """Heartbeats of all services, per second."""
        return self.services / self.heartbeat_sec

    @property
    def rings_per_sec(self) -> float:
        """Wakes: a scan each second sends a message for each type with new frames."""
        return min(self.types, self.frames_per_sec)


@dataclass(frozen=True)
class Measurement:
    """Measurements of one installation on PostgreSQL, Redis and a local folder."""

    name: str
    fleet: Fleet
    settled_per_sec: float
    cores: dict[str, float]  # by role
    commits_per_sec: float
    connections: int
    kb_per_sec: float  # over the network, without pictures of the local folder; 0: not measured

    def as_json(self) -> dict[str, Any]:
        """For the results file."""
        return asdict(self)

    @classmethod
    def of_json(cls, row: dict[str, Any]) -> Measurement:
        """From the results file."""
        return cls(**row | {"fleet": Fleet(**row["fleet"])})


@dataclass(frozen=True)
class Micro:
    """Measurements in one process: the parts that cannot be divided among machines."""

    round_trips: float  # of a turn, while only this turn may lease
    turn_ms: float  # CPU time of a full turn, including PostgreSQL
    turn_frames: int  # settled and leased in it
    scan_ms_a_frame: float  # a new frame: checked and recorded
    scan_ms_a_folder: float  # a camera's folder without new frames


@dataclass(frozen=True)
class Seen:
    """All measurements of one run on one machine."""

    environment: dict[str, Any]
    micro: Micro
    base: dict[str, Measurement] = field(default_factory=dict)  # the costs come from these
    checks: list[Measurement] = field(default_factory=list)  # the model must predict these

    def as_json(self) -> dict[str, Any]:
        """For the results file."""
        return asdict(self)

    @classmethod
    def of_json(cls, content: dict[str, Any]) -> Seen:
        """From the results file."""
        return cls(
            environment=content["environment"],
            micro=Micro(**content["micro"]),
            base={name: Measurement.of_json(row) for name, row in content["base"].items()},
            checks=[Measurement.of_json(row) for row in content["checks"]],
        )
