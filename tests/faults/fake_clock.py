"""Clocks of machines, made by libfaketime: each process may have another time."""

from __future__ import annotations

from pathlib import Path

from tests.support.needs import faketime_library


class FakeClock:
    """The time that processes started with `environment` get from libfaketime."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self.set(0)
        self.environment = {
            "LD_PRELOAD": str(faketime_library()),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",  # seconds until the file is read again
            # The monotonic clock of no system jumps.
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            # Else every wait for Python's GIL returns at once: five times less work gets done.
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",
        }

    def set(self, seconds: int) -> None:
        """So many seconds ahead of the true time, from now on, in every process."""
        draft = self._file.with_suffix(".draft")
        draft.write_text(f"{seconds:+d}\n")
        draft.replace(self._file)
