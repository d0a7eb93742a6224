"""The clock of every process jumps: an hour forth, and back again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.conftest import Trials
from tests.faults.installations import BOTH, EMBEDDED
from tests.support.needs import faketime_library


class FakeClock:
    """What libfaketime tells the processes that are started with `environment`."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self.set(0)
        self.environment = {
            "LD_PRELOAD": str(faketime_library()),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",  # seconds until the file is read again
            # No clock of any system lets this one jump.
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            # Else every wait for Python's GIL returns at once: five times less work gets done.
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",
        }

    def set(self, seconds: int) -> None:
        """So many seconds ahead of the true time, from now on, in every process."""
        draft = self._file.with_suffix(".draft")
        draft.write_text(f"{seconds:+d}\n")
        draft.replace(self._file)


@pytest.mark.faults
@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize(
    ("name", "first", "then"),
    [
        ("clock an hour ahead, then right again", 3600, 0),
        ("clock an hour behind, then right again", -3600, 0),
    ],
)
def test_the_clock_jumps(
    trials: Trials, tmp_path: Path, kind: str, name: str, first: int, then: int
) -> None:
    clock = FakeClock(tmp_path)
    with trials(kind, environment=clock.environment) as trial:
        with trial.fault(name):
            clock.set(first)
            trial.goes_on(within_sec=20)
            trial.alarm("clock_jump", "jumped", within_sec=60)
            clock.set(then)
        trial.goes_on(within_sec=20)
        if first > 0 and kind == EMBEDDED:  # it takes a steady minute: once is enough
            trial.alarm_over("clock_jump", within_sec=90)
