"""Projects of docker/compose.yaml on the engine of the tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

from tests.production.engine import DEMO, IMAGE, SERVERS, Engine, local
from tests.production.site import Site
from tests.support.waiting import wait_until


@dataclass
class Composed:
    """A project of docker/compose.yaml."""

    engine: Engine
    name: str
    profiles: str
    port: int
    environment: dict[str, str] = field(default_factory=dict)
    files: tuple[str, ...] = ("docker/compose.yaml",)

    def up(self, *services: str) -> str:
        """Start it as it is: nothing is built and nothing pulled."""
        return self("up", "--detach", "--no-build", "--pull", "never", *services)

    def __call__(self, *arguments: str, check: bool = True, timeout_sec: float = 300.0) -> str:
        """Run a command of `docker compose`; return its output."""
        images = {f"{server.upper()}_IMAGE": local(server) for server in SERVERS}
        more = {
            # Without profiles those of `.env` beside the file apply.
            **({"COMPOSE_PROFILES": self.profiles} if self.profiles else {}),
            "EASYAI_IMAGE": IMAGE,
            "EASYAI_DEMO_IMAGE": DEMO,
            "EASYAI_PORT": str(self.port),
            **images,
            **self.environment,
        }
        files = [part for file in self.files for part in ("-f", file)]
        command = ("docker", "compose", "-p", self.name, *files, *arguments)
        return self.engine.run(command, more, check, timeout_sec)

    def container(self, service: str) -> str:
        """The name of the container of a service."""
        return f"{self.name}-{service}-1"

    def wait_healthy(self, *services: str) -> None:
        """Wait for the health checks; `up --wait` fails where a container has done its work."""
        for name in map(self.container, services):
            wait_until(partial(self._is_healthy, name), 180, f"{name} is healthy", 1.0)

    def _is_healthy(self, name: str) -> bool:
        return bool(self.engine.inspect(name)["State"]["Health"]["Status"] == "healthy")

    @property
    def url(self) -> str:
        """Where its API answers on this machine."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def site(self) -> Site:
        """Its frames and alerts."""
        return Site(self.engine, self.url)

    def start_detector(self, server: str, limit_sec: float = 60.0) -> None:
        """An algorithm service in its network."""
        name, network = f"{self.name}-detector", f"{self.name}_default"
        self.site.start_detector(name, network, server, limit_sec=limit_sec)

    def remove(self) -> None:
        """Delete all of it."""
        self.engine.docker("rm", "--force", f"{self.name}-detector", check=False)
        self("down", "--volumes", "--timeout", "1", "--remove-orphans")
