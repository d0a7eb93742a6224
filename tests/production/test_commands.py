"""Every command of docs/containers.md: compose commands in a dry run, others elsewhere."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.production.engine import IMAGE, ROOT, SERVERS, Engine, local

_TEXT = (ROOT / "docs" / "containers.md").read_text(encoding="utf-8")
_BLOCKS = re.findall(r"```sh\n(.*?)```", _TEXT, re.DOTALL)
_COMMANDS = [line.split("  #")[0].strip() for block in _BLOCKS for line in block.splitlines()]
_COMPOSE = [
    command for command in _COMMANDS if re.search(r"docker compose .* (up|down)\b", command)
]
# Run as they are by the fixtures, and in test_compose.py and test_newcomer.py.
_ELSEWHERE = {
    "docker compose -f docker/compose.yaml exec easyai easyai diagnose --short",
    "docker compose -f docker/compose.yaml logs easyai",
    "docker compose -f docker/compose.yaml run --rm easyai easyai db downgrade 0009",
    "docker compose -f docker/compose.yaml run --rm migrate easyai db downgrade 0009",
    "curl -s http://127.0.0.1:5066/api/v1/alerts",
    "install -d -o 10001 -g 10001 /srv/frames",
    "docker/make-secrets",
    "export DOCKER_HOST=$(scripts/engine start)",
    "scripts/base-image",
    "docker build --build-arg BASE=easyai-base:trixie -f docker/Dockerfile -t easyai .",
}


def test_every_documented_command_is_tested() -> None:
    assert len(_COMPOSE) >= 9
    assert {command.split("        #")[0].strip() for command in _COMMANDS} - {
        *_COMPOSE
    } == _ELSEWHERE


@pytest.mark.usefixtures("secrets_made")
@pytest.mark.parametrize("command", _COMPOSE)
def test_documented_compose_commands_succeed(engine: Engine, tmp_path: Path, command: str) -> None:
    docker = tmp_path / "docker"
    # compose does not wait for the health of a container that is not started.
    docker.write_text(f'#!/bin/sh\nshift\nexec {shutil.which("docker")} compose --dry-run "$@"\n')
    docker.chmod(0o755)
    images = {f"{name.upper()}_IMAGE": local(name) for name in SERVERS}
    # Any image does: nothing is started.
    ours = {"EASYAI_IMAGE": IMAGE, "EASYAI_DEMO_IMAGE": IMAGE, "GRAFANA_IMAGE": local("redis")}
    done = subprocess.run(
        ["bash", "-c", command.replace(" up -d", " up --no-start")],
        cwd=ROOT,
        env={
            **os.environ,
            **images,
            **ours,
            "COMPOSE_PROJECT_NAME": "easyai-commands",
            "DOCKER_HOST": engine.host,
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
        },
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-1000:]
