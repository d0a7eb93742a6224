"""The newest diagnosis stays while somebody looks, and is forgotten when nobody has looked."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from easyai.dashboard import verdicts
from easyai.dashboard.verdicts import Verdicts

_WELL: Any = "all is well"


class _Time:
    """The clock of the verdicts."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        """Seconds."""
        return self.now


@pytest.fixture
def moment(monkeypatch: pytest.MonkeyPatch) -> _Time:
    """The clock of the verdicts."""
    fake = _Time()
    monkeypatch.setattr(verdicts, "time", fake)
    return fake


@pytest.fixture
def made(moment: _Time, monkeypatch: pytest.MonkeyPatch) -> Iterator[Verdicts]:
    """Verdicts with a diagnosis that was just made; the next diagnosis does not end in a test."""
    runtime: Any = None
    made = Verdicts(runtime)
    monkeypatch.setattr(verdicts, "brief", lambda *_: _WELL)
    first = made.refresh()
    assert first
    first.result(10)
    assert made.newest == _WELL
    ends = threading.Event()
    monkeypatch.setattr(verdicts, "brief", lambda *_: ends.wait(10))
    yield made
    ends.set()
    made.close()


@pytest.mark.parametrize("tick_sec", [1.0, 10.0, 30.0])
def test_diagnosis_stays_while_the_next_is_made_however_rare_a_slow_database_makes_ticks(
    made: Verdicts, moment: _Time, tick_sec: float
) -> None:
    moment.now += 5.0 + tick_sec
    assert made.refresh()
    assert made.newest == _WELL


def test_diagnosis_of_long_ago_is_not_shown_while_another_is_made(
    made: Verdicts, moment: _Time
) -> None:
    moment.now += 66.0
    assert made.refresh()
    assert made.newest is None
