"""scripts/packages.bash finds and installs packages on a machine with any language and release."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

_SCRIPT = Path(__file__).parents[2] / "scripts" / "packages.bash"
#: Knows postgresql-9 and postgresql-16, of which the newer cannot be installed.
_APT_CACHE = r"""
label=候选
[ "$LC_ALL" != C ] || label=Candidate
case "$1 $2" in
    search*) printf 'postgresql-9 - x\npostgresql-16 - x\n' ;;
    "policy postgresql-9"|"policy curl") printf '%s:\n  %s: 1.2\n' "$2" "$label" ;;
    "policy postgresql-16") printf '%s:\n  %s: (none)\n' "$2" "$label" ;;
esac
"""
#: No program of the test changes the machine: the user is not root, and sudo runs nothing.
_PROGRAMS = {"apt-cache": _APT_CACHE, "apt-get": "exit 1", "id": "echo 1000", "sudo": "exit 0"}


@pytest.fixture
def machine(tmp_path: Path) -> dict[str, str]:
    """The environment of a Chinese machine, with packages of its own."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in _PROGRAMS.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}", "LANG": "zh_CN.UTF-8"}


def _run(machine: dict[str, str], lines: str) -> subprocess.CompletedProcess[str]:
    command = ["bash", "-euo", "pipefail", "-c", f'. "{_SCRIPT}"\n{lines}']
    return subprocess.run(command, env=machine, capture_output=True, encoding="utf-8")


def test_newest_postgresql_that_can_be_installed_is_found_in_any_language(
    machine: dict[str, str],
) -> None:
    assert _run(machine, "postgres_package").stdout == "postgresql-9\n"


@pytest.mark.parametrize(
    ("package", "found"), [("curl", "yes"), ("postgresql-16", "no"), ("caddy", "no")]
)
def test_package_without_candidate_cannot_be_installed(
    machine: dict[str, str], package: str, found: str
) -> None:
    done = _run(machine, f"has_candidate {package} && echo yes || echo no")
    assert done.stdout == f"{found}\n"


@pytest.mark.parametrize(
    ("missing", "optional", "code", "end"),
    [
        ("caddy", "caddy", 0, "x: installed all but caddy, which this release lacks"),
        ("caddy fox", "caddy fox", 0, "x: installed all but caddy fox, which this release lacks"),
        ("caddy nginx", "caddy", 1, "x: still missing after the installation: caddy nginx"),
        ("curl", "curl", 1, "x: still missing after the installation: curl"),
        ("caddy", "", 1, "x: still missing after the installation: caddy"),
    ],
)
def test_only_an_optional_package_that_the_release_lacks_may_be_missing(
    machine: dict[str, str], missing: str, optional: str, code: int, end: str
) -> None:
    parts = f'name=x what=programs if_possible="" optional="{optional}"'
    done = _run(machine, f"{parts}\nmissing() {{ echo {missing}; }}\ninstall_missing")
    assert done.returncode == code
    assert (done.stdout + done.stderr).splitlines()[-1] == end
