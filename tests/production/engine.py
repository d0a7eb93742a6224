"""The container engine of the tests: started by the project's own script, with local images."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from tests.support.needs import MissingError
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]
IMAGE = "easyai:local"
BASE = "easyai-base:trixie"
SERVERS = ("postgres", "redis", "rabbitmq")
_CA = Path("/etc/ssl/certs/ca-certificates.crt")


@dataclass
class Engine:
    """Docker's client on an engine of our own."""

    host: str

    def docker(self, *arguments: str, check: bool = True, timeout_sec: float = 120.0) -> str:
        """What a command prints; raises AssertionError with its words when it fails."""
        return self._run(("docker", *arguments), {}, check, timeout_sec)

    def build(self, tag: str, dockerfile: Path, context: Path) -> None:
        """Build an image on the local base, with the certificates of this machine."""
        self.docker(
            *("build", "--quiet", "--network=host", "--build-arg", f"BASE={BASE}"),
            *(("--secret", f"id=ca,src={_CA}") if _CA.exists() else ()),
            *("--tag", tag, "--file", str(dockerfile), str(context)),
            timeout_sec=900,
        )

    def has(self, tag: str) -> bool:
        """Whether there is an image of this name."""
        return bool(self.docker("images", "--quiet", tag).strip())

    def inspect(self, name: str) -> dict[str, Any]:
        """What the engine knows of a container or image."""
        found: list[dict[str, Any]] = json.loads(self.docker("inspect", name))
        return found[0]

    def _run(
        self, command: tuple[str, ...], more: dict[str, str], check: bool, timeout_sec: float
    ) -> str:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, "DOCKER_HOST": self.host, **more},
            capture_output=True,
            text=True,
            timeout=timeout_sec,
        )
        if check and done.returncode:
            raise AssertionError(f"{' '.join(command)}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        return done.stdout


@dataclass
class Composed:
    """One project of docker/compose.yaml."""

    engine: Engine
    name: str
    profiles: str
    port: int
    environment: dict[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: str, check: bool = True, timeout_sec: float = 300.0) -> str:
        """A command of `docker compose`; what it prints."""
        images = {f"{one.upper()}_IMAGE": f"easyai-{one}:local" for one in SERVERS}
        more = {
            "COMPOSE_PROFILES": self.profiles,
            "EASYAI_IMAGE": IMAGE,
            "EASYAI_PORT": str(self.port),
            **images,
            **self.environment,
        }
        command = ("docker", "compose", "-p", self.name, "-f", "docker/compose.yaml", *arguments)
        return self.engine._run(command, more, check, timeout_sec)

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


def started() -> Engine:
    """The engine with all images built; raises MissingError where none can run."""
    if os.geteuid() != 0:
        raise MissingError("root's rights, for a container engine", "run as root")
    done = subprocess.run(
        ["scripts/engine", "start"], cwd=ROOT, capture_output=True, text=True, timeout=600
    )
    if done.returncode:
        raise MissingError(
            f"a container engine: {done.stderr.strip()[-500:]}", "see scripts/engine"
        )
    engine = Engine(done.stdout.strip())
    if not engine.has(BASE):
        engine._run(("scripts/base-image",), {}, True, 900)
    images = ROOT / "tests" / "production" / "images"
    for name in SERVERS:
        if not engine.has(f"easyai-{name}:local"):
            engine.build(f"easyai-{name}:local", images / f"{name}.Dockerfile", images)
    engine.build(IMAGE, ROOT / "docker" / "Dockerfile", ROOT)
    return engine
