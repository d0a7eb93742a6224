"""Some seeds of the simulation, and that a seed is one run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[2]


def _simulate(*options: str) -> subprocess.CompletedProcess[str]:
    """A process of its own: the order of its sets is that of every other run of a seed."""
    command = [sys.executable, "-m", "tests.simulation", *options]
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("EASYAI_")
    }
    return subprocess.run(command, cwd=_ROOT, env=environment, capture_output=True, text=True)


def test_promises_hold_in_some_worlds_and_a_seed_is_one_run_whatever_ran_before() -> None:
    run = _simulate("--only", "1,5,9,10,25,15", "--jobs", "1")
    assert run.returncode == 0, run.stdout + run.stderr
    (story,) = (line for line in run.stdout.splitlines() if line.startswith("seed 15: story"))
    again = _simulate("--only", "15", "--jobs", "1")
    assert story in again.stdout, again.stdout + again.stderr


def test_a_limit_broken_on_purpose_is_found() -> None:
    run = _simulate("--mutations", "1")
    assert "1 of 1 found" in run.stdout, run.stdout + run.stderr
