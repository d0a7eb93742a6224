"""Some seeds of the simulation, and that a seed always gives the same run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.simulation.draw import draw

_ROOT = Path(__file__).parents[2]
SEEDS = (7, 11, 14, 15, 18, 25)


def _simulate(*options: str) -> subprocess.CompletedProcess[str]:
    """A process of its own: the order of its sets is that of every other run of a seed."""
    command = [sys.executable, "-m", "tests.simulation", "--jobs", "1", *options]
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("EASYAI_")
    }
    return subprocess.run(command, cwd=_ROOT, env=environment, capture_output=True, text=True)


def test_tested_seeds_cover_every_kind_of_event() -> None:
    """A change of the drawn values needs new seeds."""
    plans = [draw(seed) for seed in SEEDS]
    own = [limits for plan in plans for limits in plan.settings["types"].values()]
    kinds = {fault.kind for plan in plans for fault in plan.faults}
    assert any(camera.poisons for plan in plans for camera in plan.cameras)
    assert {plan.obeys for plan in plans if plan.store == "s3"} == {True, False}
    assert any(plan.foreign for plan in plans)
    assert any(any(plan.drifts) for plan in plans)
    assert any("max_concurrent" in limits for limits in own)
    assert any("rate_limit" in limits for limits in own)
    assert any(plan.kept_sec for plan in plans)
    assert kinds & {"unregister", "leave", "leave_all"}
    assert "clear_all" in kinds


def test_promises_hold_in_tested_worlds_and_a_seed_repeats_its_run() -> None:
    run = _simulate("--only", ",".join(map(str, SEEDS)))
    assert run.returncode == 0, run.stdout + run.stderr
    (story,) = (line for line in run.stdout.splitlines() if line.startswith("seed 15: story"))
    again = _simulate("--only", "15")
    assert story in again.stdout, again.stdout + again.stderr


def test_limit_broken_on_purpose_is_found_and_its_plan_is_shrunk() -> None:
    run = _simulate("--broken", "0", "--seeds", "3")
    output = run.stdout + run.stderr
    found = re.search(r"^seed (\d+): limit: ", run.stdout, re.MULTILINE)
    assert found, output
    assert run.returncode == 1
    seed = int(found[1])
    _, _, left = run.stdout.partition(f"what is left of the plan of seed {seed}:\n")
    assert left, output
    assert 0 < left.count("CameraPlan(") < len(draw(seed).cameras), output
    assert left.count("ServicePlan(") == 1, output
    assert "Fault(" not in left, output
