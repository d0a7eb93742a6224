"""Every sample of the author's guide runs, and its services hold the contract."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from configparser import ConfigParser
from contextlib import contextmanager
from pathlib import Path

import pytest

from easyai.sdk.check.__main__ import main as check
from tests.support import guide
from tests.support.part_process import clean_environment
from tests.support.ports import free_port
from tests.unit.sdk.fake_easyai_server import FakeEasyaiServer

_PORT = "7901"
# The samples with all options in the code; service.py is run as by a container and a unit.
SERVICES = [
    block for block in guide.blocks("python") if "serve(" in block and "os.environ" not in block
]


@pytest.fixture
def server() -> Iterator[FakeEasyaiServer]:
    """Where the samples register."""
    with FakeEasyaiServer() as running:
        yield running


@contextmanager
def _running(
    command: list[str], environment: dict[str, str], folder: Path
) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=clean_environment(environment),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _holds_the_contract(
    server: FakeEasyaiServer, process: subprocess.Popen[str], port: int
) -> None:
    """It registers, holds every point of the contract, and on SIGTERM leaves in order."""
    (body,) = server.wait_for("register", 1)
    for task_type in body["task_types"]:
        assert check([f"http://127.0.0.1:{port}/infer", "--task-type", task_type]) == 0
    process.send_signal(signal.SIGTERM)
    _, output = process.communicate(timeout=15)
    assert process.returncode == 0, output
    assert server.services == {}


@pytest.mark.parametrize("sample", SERVICES, ids=lambda sample: sample.split("service_id")[1][:30])
def test_sample_service_holds_the_contract(
    sample: str, server: FakeEasyaiServer, tmp_path: Path
) -> None:
    port = free_port()
    program = tmp_path / "sample.py"
    text = sample.replace(f"port={_PORT}", f"server={server.url!r}, port={port}")
    program.write_text(text, encoding="utf-8")
    with _running([sys.executable, str(program)], {}, tmp_path) as process:
        _holds_the_contract(server, process, port)


def test_guide_has_the_expected_number_of_samples() -> None:
    languages = ("python", "sh", "dockerfile", "ini")
    assert [len(guide.blocks(name)) for name in languages] == [4, 2, 1, 1]


def test_the_sample_of_a_test_passes(tmp_path: Path) -> None:
    sample = guide.block("python", "PictureHost")
    done = subprocess.run(
        [sys.executable, "-c", sample], cwd=tmp_path, env=clean_environment({}), check=False
    )
    assert done.returncode == 0


def test_check_command_of_the_guide_succeeds(server: FakeEasyaiServer, tmp_path: Path) -> None:
    port = free_port()
    own = {"EASYAI_SERVER": server.url, "PORT": str(port)}
    with _running(_program(tmp_path), own, tmp_path):
        server.wait_for("register", 1)
        command = shlex.split(guide.block("sh", "sdk.check").replace(_PORT, str(port)))
        assert command[0] == "python"
        done = subprocess.run(
            [sys.executable, *command[1:]],
            env=clean_environment({}),
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout


def test_extra_installed_by_the_guide_exists() -> None:
    (path, extra) = re.findall(r'"\./(.*)\[(\w+)\]"', guide.block("sh", "pip install"))[0]
    project = tomllib.loads((guide.ROOT / path / "pyproject.toml").read_text(encoding="utf-8"))
    assert extra in project["project"]["optional-dependencies"]


def test_the_containers_command_serves_with_the_variables_of_its_image(
    server: FakeEasyaiServer, tmp_path: Path
) -> None:
    text = guide.block("dockerfile", "FROM")
    for source in re.findall(r"^COPY (\S+)", text, re.MULTILINE):
        assert source == "service.py" or (guide.ROOT / source / "pyproject.toml").is_file()
    (line,) = re.findall(r"^ENV (.*)$", text, re.MULTILINE)
    (command,) = re.findall(r"^CMD (.*)$", text, re.MULTILINE)
    assert json.loads(command) == ["python", "service.py"]
    port = free_port()
    variables = _variables(line.split()) | {"EASYAI_SERVER": server.url, "PORT": str(port)}
    variables["ADVERTISE"] = "127.0.0.1"
    with _running(_program(tmp_path), variables, tmp_path) as process:
        _holds_the_contract(server, process, port)


def test_the_unit_starts_and_stops_the_service(server: FakeEasyaiServer, tmp_path: Path) -> None:
    unit = ConfigParser(strict=False, interpolation=None)
    lines = guide.block("ini", "[Service]").splitlines()
    unit.read_string("\n".join(line for line in lines if not line.startswith("Environment=")))
    assert shlex.split(unit["Service"]["ExecStart"])[1].endswith("/service.py")
    words = [line.removeprefix("Environment=") for line in lines if line.startswith("Environment=")]
    variables = _variables(" ".join(words).split())
    assert set(variables) == {"EASYAI_SERVER", "HOST", "PORT", "ADVERTISE"}
    assert float(unit["Service"]["TimeoutStopSec"]) > 12  # a stop's limit (sdk/service_server.py)
    port = free_port()
    variables |= {"EASYAI_SERVER": server.url, "PORT": str(port), "ADVERTISE": "127.0.0.1"}
    with _running(_program(tmp_path), variables, tmp_path) as process:
        _holds_the_contract(server, process, port)


def _program(folder: Path) -> list[str]:
    """The command that runs service.py of the guide, put into a folder."""
    (folder / "service.py").write_text(guide.block("python", "os.environ"), encoding="utf-8")
    return [sys.executable, "service.py"]


def _variables(words: list[str]) -> dict[str, str]:
    return {name: value for name, _, value in (word.partition("=") for word in words)}
