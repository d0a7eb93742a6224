"""The clock of every process jumps: an hour forth, and back again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.conftest import Trials
from tests.faults.fake_clock import FakeClock
from tests.faults.installations import BOTH, EMBEDDED, PRODUCTION


@pytest.mark.faults
@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize(
    ("name", "first", "then"),
    [
        ("clock an hour ahead, then right again", 3600, 0),
        ("clock an hour behind, then right again", -3600, 0),
    ],
)
def test_inference_goes_on_after_the_clock_jumps(
    trials: Trials, tmp_path: Path, kind: str, name: str, first: int, then: int
) -> None:
    clock = FakeClock(tmp_path)
    with trials(kind, environment=clock.environment) as trial:
        # Where the database has a clock of its own, this machine's is off meanwhile.
        with trial.fault(name, also=("clock_off",) if kind == PRODUCTION else ()):
            clock.set(first)
            trial.goes_on(within_sec=20)
            trial.alarm("clock_jump", "jumped", within_sec=60)
            clock.set(then)
        trial.goes_on(within_sec=20)
        if first > 0 and kind == EMBEDDED:  # it takes a steady minute: once is enough
            trial.alarm_over("clock_jump", within_sec=90)
