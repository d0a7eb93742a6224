"""Jumps of the wall clock, detected by comparison with the monotonic clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_JUMP_SEC: Final = 5.0


@dataclass(slots=True)
class ClockWatch:
    """Compares the clocks at intervals; a slow correction by a time service is not a jump."""

    wall: float
    now: float
    steady_after_sec: float  # without a jump
    jump_sec: float = 0.0  # the last jump
    jumped_at: float | None = None  # on the monotonic clock

    def compare(self, wall: float, now: float) -> float:
        """The seconds by which the wall clock has jumped since the last comparison; 0 for none."""
        drift = (wall - self.wall) - (now - self.now)
        self.wall, self.now = wall, now
        if abs(drift) <= _JUMP_SEC:
            return 0.0
        self.jump_sec, self.jumped_at = drift, now
        return drift

    def is_steady(self, now: float) -> bool:
        """Whether the last jump was long enough ago."""
        return self.steady_sec(now) >= self.steady_after_sec

    def steady_sec(self, now: float) -> float:
        """The time since the last jump; infinite if the clock never jumped."""
        return float("inf") if self.jumped_at is None else now - self.jumped_at
