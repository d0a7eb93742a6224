"""The container engine of the tests: started by the project's own script, with local images."""

from __future__ import annotations

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tests.support.needs import MissingError

ROOT = Path(__file__).parents[2]
IMAGE = "easyai:local"
DEMO = "easyai-demo:local"
BASE = "easyai-base:trixie"
# The build arguments of a release; constant here, so that a further build finds its layers.
VERSION = "0.0.1+production"
REVISION = "0123456789abcdef0123456789abcdef01234567"
RELEASE = ("--build-arg", f"VERSION={VERSION}", "--build-arg", f"REVISION={REVISION}")
SERVERS = ("postgres", "redis", "rabbitmq", "s3", "kafka", "prometheus")
_CA = Path("/etc/ssl/certs/ca-certificates.crt")


@dataclass
class Engine:
    """Docker's client on an engine of our own."""

    host: str

    def docker(
        self,
        *arguments: str,
        check: bool = True,
        timeout_sec: float = 120.0,
        given: bytes = b"",
    ) -> str:
        """The output of a command; raises AssertionError with the output when it fails.

        It reads `given` from its standard input.
        """
        return self.run(("docker", *arguments), {}, check, timeout_sec, given)

    def build(
        self, tag: str, dockerfile: Path, context: Path, *options: str, base: str = BASE
    ) -> None:
        """Build an image on a local base, with the certificates of this machine."""
        self.docker(
            *("build", "--quiet", "--network=host", "--build-arg", f"BASE={base}"),
            *(("--secret", f"id=ca,src={_CA}") if _CA.exists() else ()),
            *("--tag", tag, "--file", str(dockerfile), *options, str(context)),
            timeout_sec=1800,
        )

    def has(self, tag: str) -> bool:
        """Whether there is an image of this name."""
        return bool(self.docker("images", "--quiet", tag).strip())

    def inspect(self, name: str) -> dict[str, Any]:
        """The engine's data about a container or image."""
        found: list[dict[str, Any]] = json.loads(self.docker("inspect", name))
        return found[0]

    def run(
        self,
        command: tuple[str, ...],
        more: dict[str, str],
        check: bool,
        timeout_sec: float,
        given: bytes = b"",
    ) -> str:
        """The output of a program that uses this engine."""
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, "DOCKER_HOST": self.host, **more},
            input=given,
            capture_output=True,
            timeout=timeout_sec,
        )
        printed, complaint = done.stdout.decode(), done.stderr.decode()
        if check and done.returncode:
            raise AssertionError(f"{' '.join(command)}: {printed[-2000:]}{complaint[-2000:]}")
        return printed


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
        engine.run(("scripts/base-image",), {}, True, 900)
    # Side by side: they wait for downloads as long as they compute.
    with ThreadPoolExecutor(max_workers=3) as pool:
        list(pool.map(partial(_build, engine), (IMAGE, *SERVERS)))
    # Images of former runs have lost their names.
    engine.docker("image", "prune", "--force")
    return engine


def _build(engine: Engine, name: str) -> None:
    """Build our image, or the local replacement of a server's image."""
    if name == IMAGE:
        engine.build(IMAGE, ROOT / "docker" / "Dockerfile", ROOT, *RELEASE)
        return
    folder = ROOT / "tests" / "production" / "images"
    engine.build(local(name), folder / f"{name}.Dockerfile", folder)


def local(server: str) -> str:
    """The image of a server that was made here."""
    return f"easyai-{server}:local"
