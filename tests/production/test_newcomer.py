"""docker/compose.yaml used by a newcomer: other folders, mistakes, changed settings."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.production.composed import Composed
from tests.production.conftest import Compose
from tests.production.engine import ROOT
from tests.support.waiting import wait_until

USER = 10001  # of the image


@pytest.fixture
def docker_folder(tmp_path: Path) -> Path:
    """A copy of docker/ without secrets, below a path with a blank."""
    folder = tmp_path / "my cameras" / "docker"
    shutil.copytree(ROOT / "docker", folder, ignore=shutil.ignore_patterns("secrets"))
    return folder


def _complaint(project: Composed, *arguments: str) -> str:
    with pytest.raises(AssertionError) as found:
        project.up(*arguments)
    return str(found.value)


def test_folder_of_another_user_is_refused_with_the_remedy_and_data_survive(
    compose: Compose, docker_folder: Path
) -> None:
    frames = docker_folder.parent / "frames"
    frames.mkdir(mode=0o755)
    project = compose("edge", EASYAI_FRAMES=str(frames), EASYAI_PUBLIC_URL="http://easyai:5066")
    project.files = (str(docker_folder / "compose.yaml"),)
    project.up()
    container = project.container("easyai")
    remedy = f"no permission to read and write it as user {USER}; give it to this user by chown"
    wait_until(lambda: remedy in project("logs", "easyai"), 120, remedy, 0.5)

    # The remedy is applied while it runs, which suffices.
    shutil.chown(frames, USER, USER)
    project.start_detector("http://easyai:5066")
    project.engine.docker("exec", container, "sh", "-c", "cat /dev/zero >/tmp/full", check=False)
    project.site.put_frame(container, 1)
    project.site.wait_for_alerts(1)

    # A second `up` leaves the running containers alone; a second project fails.
    started = project.engine.inspect(container)["State"]["StartedAt"]
    project.up()
    assert project.engine.inspect(container)["State"]["StartedAt"] == started
    second = compose("edge")
    second.port = project.port
    assert "port is already allocated" in _complaint(second)

    project("down")
    project.up("--wait")
    project.site.wait_for_alerts(1)

    # A release back, and forward again with the next start.
    project("down")
    easyai = ("run", "--rm", "--no-TTY", "easyai", "easyai")
    project(*easyai, "db", "downgrade", "0009")
    with pytest.raises(AssertionError, match="revision 0009, this version needs"):
        project(*easyai, "db", "current")
    project.up("--wait")
    project.site.wait_for_alerts(1)


def test_missing_secrets_are_named_and_nothing_starts(
    compose: Compose, docker_folder: Path
) -> None:
    project = compose("roles,postgres,redis")
    project.files = (str(docker_folder / "compose.yaml"),)
    complaint = _complaint(project)
    assert "path does not exist" in complaint
    assert str(docker_folder / "secrets") in complaint
    assert project("ps", "--quiet") == ""


def test_env_file_applies_to_every_command(compose: Compose, docker_folder: Path) -> None:
    subprocess.run([docker_folder / "make-secrets"], check=True, capture_output=True)
    (docker_folder / ".env").write_text(
        "COMPOSE_PROFILES=edge,redis\nEASYAI_AI_ANALYSIS__MQ_ADDRESS=kafka:9092\n"
    )
    project = compose("")
    project.files = (str(docker_folder / "compose.yaml"),)
    services = json.loads(project("config", "--format", "json"))["services"]
    assert set(services) == {"easyai", "redis"}
    address = services["easyai"]["environment"]["EASYAI_AI_ANALYSIS__MQ_ADDRESS"]
    assert address == "kafka:9092"
    project.up("redis")
    assert project("ps", "--all", "--quiet") != ""
    project("down")
    label = f"label=com.docker.compose.project={project.name}"
    assert project.engine.docker("ps", "--all", "--quiet", "--filter", label) == ""
