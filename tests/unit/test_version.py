"""Every part has the same version, and no build fails for lack of a version."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import NoReturn

import pytest
from click.testing import CliRunner

import easyai
import easyai.sdk
from easyai import version as of_server
from easyai.api.server import create_app
from easyai.cli.main import cli
from easyai.sdk import sdk_version as of_sdk

ROOT = Path(__file__).parents[2]


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As in a folder of sources that are not installed."""

    def missing(name: str) -> NoReturn:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.version", missing)
    monkeypatch.setattr(of_server, "installed_version", missing)
    lookups = (of_server.version, of_sdk.version)
    for lookup in lookups:
        lookup.cache_clear()
    yield
    for lookup in lookups:
        lookup.cache_clear()


def test_every_part_names_the_same_version() -> None:
    found = of_server.version()
    assert easyai.__version__ == easyai.sdk.__version__ == of_sdk.version() == found
    assert create_app().version == found
    assert CliRunner().invoke(cli, ["--version"]).output == f"easyai, version {found}\n"
    assert of_server.user_agent() == f"easyai/{found}"


@pytest.mark.usefixtures("nothing_installed")
def test_sources_that_are_not_installed_have_the_unknown_version() -> None:
    assert of_server.version() == of_sdk.version() == of_server.UNKNOWN
    output = CliRunner().invoke(cli, ["--version"]).output
    assert output.startswith("easyai, version 0.0.0+unknown (built without git and its tags")


def test_unknown_version_is_equal_from_every_source() -> None:
    for name in ("pyproject.toml", "easyai/sdk/pyproject.toml"):
        project = tomllib.loads((ROOT / name).read_text("utf-8"))
        assert project["tool"]["hatch"]["version"]["fallback-version"] == of_server.UNKNOWN
    assert of_sdk.UNKNOWN == of_server.UNKNOWN
    compose = (ROOT / "docker" / "compose.yaml").read_text("utf-8")
    assert f"VERSION: ${{EASYAI_VERSION:-{of_server.UNKNOWN}}}" in compose
    dockerfile = (ROOT / "docker" / "Dockerfile").read_text("utf-8")
    assert re.findall(r"^ARG VERSION(?:=(.*))?$", dockerfile, re.MULTILINE) == [
        of_server.UNKNOWN,
        "",
        "",
    ]
    assert 'SETUPTOOLS_SCM_PRETEND_VERSION="${VERSION}"' in dockerfile
    assert 'org.opencontainers.image.version="${VERSION}"' in dockerfile


def test_parts_list_of_the_image_has_its_version() -> None:
    # The very command of docker/Dockerfile: a version that comes from git is none of the file.
    line = next(
        line
        for line in (ROOT / "docker" / "Dockerfile").read_text("utf-8").splitlines()
        if "sbom.toml" in line and "sed" in line
    )
    command = line.strip().removeprefix("&& ").removesuffix("\\")
    script = f"cd '{ROOT}' && {command.replace('>sbom.toml', '')}"
    done = subprocess.run(
        ["sh", "-c", script],
        env={"VERSION": "1.2.3+g1"},
        capture_output=True,
        text=True,
        check=True,
    )
    project = tomllib.loads(done.stdout)["project"]
    assert (project["name"], project["version"]) == ("easyai-frames", "1.2.3+g1")
    assert "dynamic" not in project


def test_the_version_costs_other_commands_no_time() -> None:
    code = "import sys, easyai, easyai.cli.main; print('importlib.metadata' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}; {code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "False\n"


def test_the_sdk_carries_the_licence_of_the_whole() -> None:
    assert (ROOT / "easyai" / "sdk" / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
