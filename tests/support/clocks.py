"""Clocks that a test sets: this machine's and the database's at once."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from easyai.db import clock
from easyai.registry.watch import SteadyClock
from easyai.runtime import Runtime


def set_clocks(monkeypatch: pytest.MonkeyPatch, wall: Callable[[], float]) -> None:
    """Set the wall clock of this process and of the database to `wall`."""
    monkeypatch.setattr(time, "time", wall)
    monkeypatch.setattr(clock, "now", lambda conn: wall())
    monkeypatch.setattr(clock, "estimate", lambda engine: wall())
    monkeypatch.setattr(clock, "offset_sec", lambda conn: 0.0)


def step_clocks(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds by which all clocks are off from now on; changed in place."""
    offset, truth = [0.0], time.time
    set_clocks(monkeypatch, lambda: truth() + offset[0])
    return offset


def let_pass(offset: list[float], runtime: Runtime, seconds: float) -> None:
    """Time passes for `step_clocks` and for the monotonic clock by which jumps are known."""
    steady = runtime.part(SteadyClock)
    assert steady._offset is not None
    steady._offset += seconds
    offset[0] += seconds
