"""docker/compose.yaml as people start it: real containers, killed and stopped."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
import requests

from tests.production.composed import Composed
from tests.production.conftest import Compose
from tests.production.effort import IN_FULL, in_full
from tests.production.site import TYPE
from tests.support.waiting import wait_until

API = "/api/v1/ai_analysis"


def test_compose_up_starts_everything_in_a_single_container(compose: Compose) -> None:
    project = compose("edge", EASYAI_PUBLIC_URL="http://easyai:5066")
    project.up("--wait")
    project.start_detector("http://easyai:5066")
    container = project.container("easyai")
    project.site.put_frame(container, 1)
    project.site.wait_for_alerts(1)
    # This machine is not the container's own: operator requests need the token.
    cleared = requests.post(f"{project.url}{API}/clear_all", timeout=5)
    assert cleared.status_code == 403
    assert "All is well" in project.engine.docker(
        "exec", container, "easyai", "diagnose", "--short"
    )
    project("stop")
    assert project.engine.inspect(container)["State"]["ExitCode"] == 0
    project("start")
    project.wait_healthy("easyai")
    project.site.wait_for_alerts(1)


@pytest.mark.parametrize("broker", [in_full("redis"), "rabbitmq"])
def test_roles_heal_beside_real_servers(compose: Compose, secrets_made: Path, broker: str) -> None:
    project = compose(
        f"roles,postgres,{broker}", EASYAI_PUBLIC_URL="http://api:5066", BROKER=broker
    )
    project.up()
    project.wait_healthy("postgres", broker, "api", "worker", "beat", "watchdog")
    project.start_detector("http://api:5066")
    project.site.put_frame(project.container("worker"), 1)
    project.site.wait_for_alerts(1)

    # Killed from outside, as the kernel does when memory is short: the engine starts it again.
    worker = project.engine.inspect(project.container("worker"))["State"]["Pid"]
    os.kill(worker, signal.SIGKILL)
    project.site.put_frame(project.container("api"), 2)
    project.site.wait_for_alerts(2, 90)

    if IN_FULL:
        _stall(project, 3)

    command = f"celery -A easyai requeue --task-type {TYPE} --state failed --since 1h --dry-run"
    again = project.engine.docker(
        *("exec", project.container("worker"), "sh", "-c", f"{command} 2>&1; true")
    )
    assert "no failed frame matches" in again
    assert secrets_made.stat().st_mode & 0o077 == 0
    inspected = json.dumps(
        [project.engine.inspect(project.container(service)) for service in ("api", broker)]
    )
    password = (secrets_made / f"{broker}_password").read_text().strip()
    assert password not in inspected


def _stall(project: Composed, number: int) -> None:
    """A worker that is connected and takes no tasks ends itself: it is started again."""
    name = project.container("worker")
    restarts = project.engine.inspect(name)["RestartCount"]
    project.engine.docker(
        "exec", name, *["celery", "-A", "easyai", "control", "cancel_consumer", "easyai"]
    )
    project.site.put_frame(project.container("api"), number)
    project.site.wait_for_alerts(number, 180)
    assert project.engine.inspect(name)["RestartCount"] == restarts + 1


@pytest.mark.usefixtures("secrets_made")
def test_redis_runs_as_its_user_on_data_written_by_root(compose: Compose) -> None:
    project = compose("redis")
    project.up("--wait")
    container = project.container("redis")

    def asked(script: str) -> str:
        login = 'export REDISCLI_AUTH="$(cat /run/secrets/redis_password)"'
        command = ("exec", container, "sh", "-c", f"{login}; {script}")
        return project.engine.docker(*command, check=False).strip()

    assert asked("redis-cli set kept yes && stat -c %U /proc/1") == "OK\nredis"
    asked("chown -R 0:0 /data/appendonlydir")  # as a server that ran as root left it
    project("restart", "redis")
    wait_until(lambda: asked("redis-cli ping") == "PONG", 60, "redis answers", 0.3)
    assert asked("redis-cli get kept && stat -c %U /proc/1 /data/appendonlydir/*").split() == [
        *("yes", "redis", "redis", "redis", "redis")
    ]
