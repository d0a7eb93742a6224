"""What is asked of an installation, and what one was seen to take."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Final

ROLES: Final = ("worker", "beat", "watchdog", "api", "postgresql", "redis")


@dataclass(frozen=True)
class Fleet:
    """Cameras and services, and the processes that serve them."""

    cameras: int
    interval_sec: float  # from one frame of a camera to its next; 0: it sends none
    types: int = 1
    workers: int = 1  # worker processes, over all machines
    services: int = 1
    heartbeat_sec: float = 30.0  # from one heartbeat of a service to its next
    infer_ms: float = 0.0  # how long a service takes for a frame
    picture_kb: float = 6.0

    @property
    def frames_per_sec(self) -> float:
        """New frames of all cameras."""
        return self.cameras / self.interval_sec if self.interval_sec else 0.0

    @property
    def heartbeats_per_sec(self) -> float:
        """Heartbeats of all services."""
        return self.services / self.heartbeat_sec

    @property
    def rings_per_sec(self) -> float:
        """Messages that wake: a scan each second sends one for each type with new frames."""
        return min(self.types, self.frames_per_sec)


@dataclass(frozen=True)
class Measurement:
    """One installation at work, on PostgreSQL, Redis and a local folder."""

    name: str
    fleet: Fleet
    settled_per_sec: float
    cores: dict[str, float]  # by role
    commits_per_sec: float
    connections: int
    kb_per_sec: float  # over the network, pictures of the local folder not among them; 0: not seen

    def as_json(self) -> dict[str, Any]:
        """For the results file."""
        return asdict(self)

    @classmethod
    def of_json(cls, row: dict[str, Any]) -> Measurement:
        """From the results file."""
        return cls(**row | {"fleet": Fleet(**row["fleet"])})


@dataclass(frozen=True)
class Micro:
    """What is measured in one process: the parts that cannot be divided over machines."""

    round_trips: float  # of a turn, while it alone may hand out leases
    turn_ms: float  # CPU time of a full turn, that of PostgreSQL included
    turn_frames: int  # settled and leased in it
    scan_ms_a_frame: float  # a new frame: looked at and recorded
    scan_ms_a_folder: float  # a camera's folder in which nothing is new


@dataclass(frozen=True)
class Seen:
    """All that was measured on one machine, in one go."""

    environment: dict[str, Any]
    micro: Micro
    base: dict[str, Measurement] = field(default_factory=dict)  # the costs come from these
    checks: list[Measurement] = field(default_factory=list)  # the model must foretell these

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
