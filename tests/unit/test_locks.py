"""The locks hold a version of everything that pyproject.toml asks for, each with its hashes."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
_PIN = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>[^\s;]+)(?: ; [^\\]+)? \\$")


def _pins(lock: str) -> dict[str, list[str]]:
    pins: dict[str, list[str]] = {}
    for line in (ROOT / "locks" / lock).read_text("utf-8").splitlines():
        if line.startswith(" "):
            assert line.startswith("    --hash=sha256:")
            continue
        found = _PIN.match(line)
        assert found, line
        pins.setdefault(canonicalize_name(found["name"]), []).append(found["version"])
    return pins


def _wanted(*extras: str) -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    lines = list(project["dependencies"])
    for extra in extras:
        lines += project["optional-dependencies"][extra]
    return [
        requirement
        for requirement in map(Requirement, lines)
        if requirement.name != project["name"]
    ]


@pytest.mark.parametrize(
    ("lock", "extras"),
    [("server.txt", ("otel",)), ("dev.txt", ("examples", "demo", "otel", "dev"))],
)
def test_a_lock_has_an_allowed_version_of_each_dependency(
    lock: str, extras: tuple[str, ...]
) -> None:
    pins = _pins(lock)
    for wanted in _wanted(*extras):
        versions = pins.get(canonicalize_name(wanted.name), [])
        assert versions, f"{wanted.name} is not in locks/{lock}: make lock"
        assert all(version in wanted.specifier for version in versions), wanted.name


def test_build_tools_of_the_image_are_locked() -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["dependency-groups"]
    pins = _pins("image.txt")
    for wanted in map(Requirement, groups["image"]):
        assert all(version in wanted.specifier for version in pins[canonicalize_name(wanted.name)])


def test_dependencies_of_kombu_transports_are_locked() -> None:
    # An extra: kombu alone does not bring it, and its import fails where the broker is Redis.
    asked = map(Requirement, requires("kombu") or [])
    needed = {
        requirement.name
        for requirement in asked
        if requirement.marker and requirement.marker.evaluate({"extra": "redis"})
    }
    assert {"redis", "packaging"} <= needed
    assert needed <= set(_pins("server.txt"))


def test_no_client_of_redis_is_allowed_that_kombu_does_not_take() -> None:
    (ours,) = [requirement for requirement in _wanted() if requirement.name == "redis"]
    oldest = next(specifier.version for specifier in ours.specifier if specifier.operator == ">=")
    for theirs in map(Requirement, requires("kombu") or []):
        if theirs.name == "redis":
            assert oldest in theirs.specifier


def test_no_message_names_an_easyai_distribution_that_is_not_published() -> None:
    for file in [*(ROOT / "easyai").rglob("*.py"), *ROOT.glob("*.md"), *ROOT.glob("*/*.md")]:
        assert "install easyai" not in file.read_text("utf-8"), file
