"""Algorithm services: their requests are recorded, concurrent requests are counted."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import aiohttp

from easyai.domain.reason import NO_REASON, Reason, quoted
from tests.simulation.cameras import Album, Version
from tests.simulation.plan import ServicePlan
from tests.simulation.scheduler import Process, Scheduler


@dataclass(eq=False)
class Request:
    """A request that a service is working on."""

    service: ServicePlan
    task_type: str
    process: Process
    key: str
    began_at: float


class Network:
    """Every service and every request under way."""

    def __init__(
        self,
        scheduler: Scheduler,
        album: Album,
        fetch: Callable[[str], bytes | None],
        violate: Callable[[str], None],
        note: Callable[[str], None],
    ) -> None:
        self.scheduler = scheduler
        self.open: list[Request] = []
        self.down_until: dict[str, float] = {}  # by endpoint
        self.inferred: dict[int, list[int]] = {}  # by number of the picture: its calls
        self.limits: Callable[[str], int | None] = lambda _: None
        self.of_installation = 0
        self.lease_sec = 0.0
        self._album = album
        self._fetch = fetch
        self._violate = violate
        self._note = note
        self._services: dict[str, ServicePlan] = {}
        self._calls = 0

    def add(self, plan: ServicePlan) -> None:
        """A service that may be called from now on."""
        self._services[plan.endpoint] = plan

    def is_up(self, endpoint: str) -> bool:
        """Whether it answers."""
        down_until = self.down_until.get(endpoint, -1.0)
        return endpoint in self._services and self.scheduler.now >= down_until

    def probe(self, urls: dict[int, str], _networks: object = None) -> dict[int, Reason]:
        """As easyai.service_http.probe.probe_all."""
        self.scheduler.point(0.01)
        up = {self._origin(endpoint): self.is_up(endpoint) for endpoint in self._services}
        return {
            pk: NO_REASON if up.get(self._origin(url)) else quoted("Connection refused")
            for pk, url in urls.items()
        }

    @staticmethod
    def _origin(url: str) -> str:
        return "/".join(url.split("/")[:3])

    def post(self, endpoint: str, body: bytes, timeout_sec: float) -> tuple[int, bytes]:
        """A call: status and body of the answer.

        Raises what aiohttp raises.
        """
        asked = json.loads(body)
        self.scheduler.point(0.002)
        if not self.is_up(endpoint):
            raise _refused()
        process = self.scheduler.current.process
        assert process is not None
        service = self._services[endpoint]
        request = Request(
            service, asked["task_type"], process, asked["image_path"], self.scheduler.now
        )
        self.open.append(request)
        try:
            self._count(request)
            return self._answer(request, asked["image_url"], timeout_sec)
        finally:
            self.open.remove(request)

    def _answer(self, request: Request, url: str, timeout_sec: float) -> tuple[int, bytes]:
        service, rng = request.service, self.scheduler.current.rng
        taken = service.latency * rng.uniform(0.5, 1.5)
        self.scheduler.sleep(min(timeout_sec, taken * 0.2))
        content = self._fetch(url)
        if content is None:
            return 200, b'{"success": false, "error": "cannot fetch the picture"}'
        version = self._look_at(request, content)
        if version is not None and version.poison == "hang":
            self.scheduler.sleep(timeout_sec)
            raise TimeoutError
        self.scheduler.sleep(taken * 0.8)
        if not self.is_up(service.endpoint):
            raise aiohttp.ServerDisconnectedError
        if version is None or version.poison == "refuse":
            return 200, b'{"success": false, "error": "not a picture"}'
        if version.poison == "break":
            return 500, b"oops"
        return 200, self._inferred(request, version)

    def _look_at(self, request: Request, content: bytes) -> Version | None:
        version = self._album.seen_in(content)
        if version is None or content != version.content:
            # No look distinguishes a writer's pause from its end where an older picture's end still
            # stands (docs/decisions/0011-the-scan.md).
            if version is None or not version.ends_early:
                self._violate(
                    f"half-written: {len(content)} bytes of {request.key} sent to "
                    f"{request.service.name}"
                )
            return None
        self._note(f"{request.service.name} gets picture {version.number} of {request.key}")
        return version

    def _inferred(self, request: Request, version: Version) -> bytes:
        self._calls += 1
        self.inferred.setdefault(version.number, []).append(self._calls)
        rng = self.scheduler.current.rng
        count = int(rng.random() < request.service.detects)
        result: dict[str, Any] = {
            "total_count": count,
            "seen": version.number,
            "call": self._calls,
        }
        answer = {"success": True, "result": result, "confidence": 0.9, "inference_time_ms": 5}
        return json.dumps(answer).encode()

    def _count(self, new: Request) -> None:
        """P5 at this very moment, without the requests of processes that stand still."""
        counted = [call for call in self.open if self._counts(call.process)]
        at_service = sum(call.service is new.service for call in counted)
        if new.service.limit is not None and at_service > new.service.limit:
            self._violate(
                f"limit: {at_service} requests at {new.service.name}, which takes "
                f"{new.service.limit}"
            )
        if len(counted) > self.of_installation:
            self._violate(f"limit: {len(counted)} requests, {self.of_installation} are allowed")
        of_type = sum(call.task_type == new.task_type for call in counted)
        most = self.limits(new.task_type)
        if most is not None and of_type > most:
            self._violate(f"limit: {of_type} requests of {new.task_type}, {most} are allowed")

    def _counts(self, process: Process) -> bool:
        """A process that stood still for most of a lease cannot end its calls."""
        stood = process.frozen_until - process.frozen_since
        recently = self.scheduler.now - process.frozen_until < 1.0
        return process.alive and not (recently and stood > 0.2 * self.lease_sec)


def _refused() -> aiohttp.ClientConnectorError:
    key: Any = SimpleNamespace(host="sim", port=9, ssl=False, is_ssl=False)
    return aiohttp.ClientConnectorError(key, OSError(111, "Connection refused"))
