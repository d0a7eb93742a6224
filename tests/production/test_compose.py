"""docker/compose.yaml as people start it: real containers, killed and stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.production.conftest import Compose
from tests.production.engine import IMAGE, ROOT, Composed
from tests.support.waiting import wait_until

TYPE = "人数统计"
API = "/api/v1/ai_analysis"


def _detector(project: Composed, server: str) -> None:
    """A service in the network of the project, known there by its name."""
    project.engine.docker(
        *("run", "--detach", "--rm", "--name", f"{project.name}-detector"),
        *("--network", f"{project.name}_default", "--network-alias", "detector"),
        *("--volume", f"{ROOT}/tests/production/detector.py:/detector.py:ro"),
        *(IMAGE, "python", "/detector.py", server, "detector"),
    )
    wait_until(lambda: _get(project, "/services")["total"] == 1, 60, "the service registers", 0.5)


def _get(project: Composed, path: str) -> dict[str, Any]:
    answer = requests.get(f"{project.url}{API}{path}", timeout=5)
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


def _put(project: Composed, service: str, number: int) -> None:
    """One picture into the frames of the project, as a camera writes it."""
    folder = f"/srv/easyai/snapshots/{TYPE}/门口"
    container = project.container(service)
    project.engine.docker("exec", container, "mkdir", "-p", folder)
    script = f'cat > "{folder}/.n" && mv "{folder}/.n" "{folder}/{number:06}.jpg"'
    picture = (ROOT / "examples" / "street.jpg").read_bytes()
    subprocess.run(
        ["docker", "exec", "--interactive", container, "sh", "-c", script],
        input=picture,
        env={**os.environ, "DOCKER_HOST": project.engine.host},
        check=True,
        timeout=30,
    )


def _alerts(project: Composed) -> int:
    answer = requests.get(f"{project.url}/api/v1/alerts", timeout=5)
    return int(answer.json()["total"])


def test_one_command_starts_everything_in_one_container(compose: Compose) -> None:
    project = compose("edge", EASYAI_PUBLIC_URL="http://easyai:5066")
    project("up", "--detach", "--no-build", "--wait")
    _detector(project, "http://easyai:5066")
    try:
        _put(project, "easyai", 1)
        wait_until(lambda: _alerts(project) == 1, 30, "an alert", 0.5)
        container = project.container("easyai")
        # From this machine it is not the container's own: what an operator does takes the token.
        cleared = requests.post(f"{project.url}{API}/clear_all", timeout=5)
        assert cleared.status_code == 403
        assert "All is well" in project.engine.docker(
            "exec", container, "easyai", "diagnose", "--short"
        )
        project("stop")
        assert project.engine.inspect(container)["State"]["ExitCode"] == 0
        project("start")
        project.wait_healthy("easyai")
        wait_until(lambda: _alerts(project) == 1, 30, "the alert is still there", 0.5)
    finally:
        project.engine.docker("rm", "--force", f"{project.name}-detector", check=False)


@pytest.fixture(scope="session")
def secrets_made() -> Path:
    """The passwords of the servers, made by the script that people run."""
    subprocess.run([ROOT / "docker" / "make-secrets"], check=True, capture_output=True)
    return ROOT / "docker" / "secrets"


@pytest.mark.parametrize("broker", ["redis", "rabbitmq"])
def test_roles_heal_beside_real_servers(
    compose: Compose, secrets_made: Path, tmp_path: Path, broker: str
) -> None:
    project = compose(
        f"roles,postgres,{broker}", EASYAI_PUBLIC_URL="http://api:5066", BROKER=broker
    )
    project("up", "--detach", "--no-build")
    project.wait_healthy("api", "worker", "beat", "watchdog")
    _detector(project, "http://api:5066")
    try:
        _put(project, "worker", 1)
        wait_until(lambda: _alerts(project) == 1, 30, "an alert", 0.5)

        # Killed from outside, as the kernel does when memory is short: the engine starts it again.
        worker = project.engine.inspect(project.container("worker"))["State"]["Pid"]
        os.kill(worker, signal.SIGKILL)
        _put(project, "api", 2)
        wait_until(lambda: _alerts(project) == 2, 90, "an alert of the restarted worker", 0.5)

        command = f"celery -A easyai requeue --task-type {TYPE} --state failed --since 1h --dry-run"
        again = project.engine.docker(
            *("exec", project.container("worker"), "sh", "-c", f"{command} 2>&1; true")
        )
        assert "no failed frame matches" in again
        assert secrets_made.stat().st_mode & 0o077 == 0
        told = json.dumps(
            [project.engine.inspect(project.container(one)) for one in ("api", broker)]
        )
        password = (secrets_made / f"{broker}_password").read_text().strip()
        assert password not in told
    finally:
        project.engine.docker("rm", "--force", f"{project.name}-detector", check=False)
