"""The image builds for arm64 as well: every locked library has a wheel for it, nothing is compiled.

`test_emulated` builds and runs it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.production.engine import ROOT


def _resolve(folder: Path, lock: Path) -> subprocess.CompletedProcess[str]:
    command = (
        *(sys.executable, "-m", "uv", "pip", "install", "--dry-run", "--target", str(folder)),
        *("--python-platform", "aarch64-unknown-linux-gnu", "--python-version", "3.13"),
        *("--only-binary", ":all:", "--requirement", str(lock)),
    )
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("name", ["server", "demo", "image"])
def test_every_locked_library_has_a_wheel_for_arm64(tmp_path: Path, name: str) -> None:
    done = _resolve(tmp_path, ROOT / "locks" / f"{name}.txt")
    assert done.returncode == 0, done.stderr


def test_check_finds_a_library_without_an_arm64_wheel(tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text("pywin32==311\n", encoding="utf-8")
    done = _resolve(tmp_path, lock)
    assert done.returncode
    assert "no wheels with a matching platform tag" in done.stderr
