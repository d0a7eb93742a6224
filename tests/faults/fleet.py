"""Algorithm services that a test starts, hangs, silences and kills, and their requests."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from tests.support.ports import free_port
from tests.support.server_process import ServerProcess
from tests.support.waiting import accepts_connections


@dataclass(frozen=True)
class Request:
    """A frame at a service."""

    service_id: str
    key: str
    at: float  # Unix seconds of its arrival
    over_at: float  # answered, given up by its sender, or killed
    what: str  # answered, refused, cut (without an answer) or killed


class Fleet(ServerProcess):
    """A process with some services (``name-1`` …); ports and record stay over a restart."""

    name = "fleet"
    host = "127.0.0.1"

    def __init__(
        self,
        server: str,
        task_types: Sequence[str],
        *,
        name: str = "detector",
        services: int = 3,
        delay_sec: float = 0.1,
        max_concurrency: int = 4,
        options: Sequence[str] = (),  # further options of the program
    ) -> None:
        super().__init__()
        self.ports = {f"{name}-{number}": free_port() for number in range(1, services + 1)}
        self.max_concurrency = max_concurrency
        self.delay_sec = delay_sec
        self._server, self._types = server, task_types
        self._options = list(options)
        self._record = self.folder / "record"
        self._deaths: list[float] = []

    def command(self) -> list[str]:
        """The program with its services."""
        services = ",".join(f"{name}:{port}" for name, port in self.ports.items())
        own = ["--services", services, "--types", ",".join(self._types), "--server", self._server]
        own += ["--host", self.host]
        own += ["--record", str(self._record), "--delay", str(self.delay_sec)]
        own += ["--max-concurrency", str(self.max_concurrency), *self._options]
        return [sys.executable, "-m", "tests.faults.fleet_program", *own]

    def environment(self) -> dict[str, str]:
        """Where the program is found."""
        return super().environment() | {"PYTHONPATH": str(Path(__file__).parents[2])}

    def answers(self) -> bool:
        """Whether every port is open."""
        return all(accepts_connections(port, self.host) for port in self.ports.values())

    def kill(self) -> None:
        """Kill every service at once; requests in flight are recorded as killed."""
        super().kill()
        self._deaths.append(time.time())

    def control(self, **changes: Any) -> None:
        """Change the behaviour of all services: hangs, heartbeats, delay_sec."""
        port = next(iter(self.ports.values()))
        url = f"http://{self.host}:{port}/control"
        with requests.post(url, json=changes, timeout=10) as answer:
            assert answer.ok

    def requests(self) -> list[Request]:
        """Every request so far, in order of arrival; requests in flight end now."""
        text = self._record.read_text(encoding="utf-8") if self._record.exists() else ""
        now = time.time()
        under_way: dict[tuple[str, int], tuple[float, str]] = {}
        found = []
        for line in text.splitlines():
            at, what, service_id, key, number = json.loads(line)
            if what != "in":
                arrived, _ = under_way.pop((service_id, number))
                found.append(Request(service_id, key, arrived, at, what))
                continue
            # A restarted service counts from 1.
            if (service_id, number) in under_way:
                found.append(self._killed(service_id, *under_way.pop((service_id, number)), now))
            under_way[service_id, number] = (at, key)
        found += [self._killed(name, *begun, now) for (name, _), begun in under_way.items()]
        return sorted(found, key=lambda request: request.at)

    def _killed(self, service_id: str, at: float, key: str, now: float) -> Request:
        over_at = next((death for death in self._deaths if death >= at), now)
        return Request(service_id, key, at, over_at, "killed")

    def count(self) -> int:
        """Frames received so far."""
        return len(self.requests())


def most_in_flight(found: Sequence[Request]) -> int:
    """The most requests that were in flight at the same moment."""
    changes = [(request.at, 1) for request in found] + [(request.over_at, -1) for request in found]
    most = running = 0
    for _, change in sorted(changes):
        running += change
        most = max(most, running)
    return most
