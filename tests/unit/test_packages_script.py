"""scripts/packages.bash finds installable packages on a machine with any language."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

_SCRIPT = Path(__file__).parents[2] / "scripts" / "packages.bash"
#: Knows postgresql-9 and postgresql-16, of which the newer cannot be installed.
_APT_CACHE = """#!/bin/sh
label=候选
[ "$LC_ALL" != C ] || label=Candidate
case "$1 $2" in
    search*) printf 'postgresql-9 - x\\npostgresql-16 - x\\n' ;;
    "policy postgresql-9"|"policy curl") printf '%s:\\n  %s: 1.2\\n' "$2" "$label" ;;
    "policy postgresql-16") printf '%s:\\n  %s: (none)\\n' "$2" "$label" ;;
esac
"""


@pytest.fixture
def machine(tmp_path: Path) -> dict[str, str]:
    """The environment of a Chinese machine, with packages of its own."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "apt-cache").write_text(_APT_CACHE)
    (folder / "apt-cache").chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}", "LC_ALL": "zh_CN.UTF-8"}


def _answer(machine: dict[str, str], line: str) -> str:
    command = ["bash", "-euo", "pipefail", "-c", f'. "{_SCRIPT}"; {line}']
    done = subprocess.run(command, env=machine, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_newest_postgresql_that_can_be_installed_is_found_in_any_language(
    machine: dict[str, str],
) -> None:
    assert _answer(machine, "postgres_package") == "postgresql-9"


@pytest.mark.parametrize(
    ("package", "found"), [("curl", "yes"), ("postgresql-16", "no"), ("caddy", "no")]
)
def test_package_without_candidate_cannot_be_installed(
    machine: dict[str, str], package: str, found: str
) -> None:
    assert _answer(machine, f"has_candidate {package} && echo yes || echo no") == found
