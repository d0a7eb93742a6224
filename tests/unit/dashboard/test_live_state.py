"""A tick reads little: what costs more waits its turn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from easyai.dashboard import live_state
from easyai.dashboard.live_state import LiveState
from easyai.dashboard.sections.section import Shown
from easyai.db import clock, live_rows


class _Time:
    """The clock of the live state, which readers move."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        """Seconds."""
        return self.now


class _Reader:
    """A section that takes some milliseconds."""

    def __init__(
        self, time: _Time, name: str, took_ms: float, rest: int, writing_ms: float = 0
    ) -> None:
        self.name, self.rest = name, rest
        self.readings = 0
        self._time, self._took_sec, self._writing_sec = time, took_ms / 1000, writing_ms / 1000

    def read(self, conn: Any, now: float) -> None:
        """Count the readings."""
        self._time.now += self._took_sec
        self.readings += 1

    def show(self, language: str) -> Shown:
        """The number of the readings."""
        self._time.now += self._writing_sec
        return Shown(self.readings)


class _Database:
    @contextmanager
    def read(self) -> Iterator[None]:
        """No transaction."""
        yield None


@pytest.fixture
def moment(monkeypatch: pytest.MonkeyPatch) -> _Time:
    """The clock of the live state."""
    fake = _Time()
    monkeypatch.setattr(live_state, "time", fake)
    monkeypatch.setattr(clock, "now", lambda _: 5.0)
    monkeypatch.setattr(live_rows, "bound", lambda _: None)
    return fake


def _state(sections: list[_Reader], counts: list[_Reader] | None = None) -> LiveState:
    database: Any = _Database()
    return LiveState(database, sections, counts or [])


def test_first_tick_reads_everything_and_later_ticks_take_turns(moment: _Time) -> None:
    slow = [_Reader(moment, name, 9, rest=50) for name in ("a", "b", "c")]
    cheap = _Reader(moment, "cheap", 0.1, rest=0)
    state = _state([*slow[1:], cheap], slow[:1])
    assert set(state.tick(["en"]).sections["en"]) == {"b", "c", "cheap"}
    assert [reader.readings for reader in slow] == [1, 1, 1]
    for turn in range(1, 7):
        moment.now += 1
        state.tick(["en"])
        assert sum(reader.readings for reader in slow) == 3 + turn, "one of them in each tick"
        assert cheap.readings == 1 + turn
    assert [reader.readings for reader in slow] == [3, 3, 3]


def test_readings_that_are_cheap_together_are_made_in_the_same_tick(moment: _Time) -> None:
    readers = [_Reader(moment, name, 2, rest=10) for name in ("a", "b", "c")]
    state = _state(readers)
    for _ in range(3):
        state.tick(["en"])
        moment.now += 1
    assert [reader.readings for reader in readers] == [3, 3, 3]


@pytest.mark.parametrize(("reading_ms", "writing_ms"), [(16, 0), (3, 13)])
def test_dear_section_waits_for_a_tick_without_other_readings(
    moment: _Time, reading_ms: float, writing_ms: float
) -> None:
    cheap = [_Reader(moment, name, 2, rest=20) for name in ("a", "b")]
    dear = _Reader(moment, "dear", reading_ms, 20, writing_ms)
    state = _state([*cheap, dear])
    state.tick(["en"])
    for readings in (1, 2):
        moment.now += 1
        began = moment.now
        state.tick(["en"])
        assert moment.now - began < 0.017
        assert dear.readings == readings
    assert [reader.readings for reader in cheap] == [2, 2]


def test_reading_rests_for_a_multiple_of_what_it_took(moment: _Time) -> None:
    reader = _Reader(moment, "a", 100, rest=20)
    state = _state([reader])
    state.tick(["en"])
    moment.now += 1.9
    assert state.tick(["en"]).sections["en"]["a"].whole == "1"
    moment.now += 0.2
    assert state.tick(["en"]).sections["en"]["a"].whole == "2"


def test_sections_that_do_not_rest_leave_others_their_turn_however_long_they_take(
    moment: _Time,
) -> None:
    resting = [_Reader(moment, name, 9, rest=20) for name in ("a", "b")]
    state = _state([*resting, _Reader(moment, "alarms", 9, rest=0)])
    for turn in range(5):
        state.tick(["en"])
        moment.now += 1
        assert sum(reader.readings for reader in resting) == 2 + turn


def test_everything_is_read_when_somebody_looks_again_after_a_pause(moment: _Time) -> None:
    readers = [_Reader(moment, name, 9, rest=20) for name in ("a", "b", "c")]
    state = _state(readers)
    state.tick(["en"])
    moment.now += 60
    now = state.tick(["en"]).sections["en"]
    assert [section.whole for section in now.values()] == ["2", "2", "2"]


def test_no_section_is_overdue_for_long_on_a_slow_database(moment: _Time) -> None:
    readers = [_Reader(moment, str(number), 200, rest=20) for number in range(20)]
    state = _state(readers)
    for _ in range(20):
        state.tick(["en"])
        moment.now += 1
    assert min(reader.readings for reader in readers) >= 3


def test_tick_of_a_slow_database_stays_below_the_time_after_which_the_page_knows_nothing(
    moment: _Time,
) -> None:
    readers = [_Reader(moment, str(number), 800, rest=20) for number in range(10)]
    state = _state(readers)
    state.tick(["en"])
    for _ in range(40):
        moment.now += 1
        began = moment.now
        state.tick(["en"])
        assert moment.now - began < 2.0
    assert min(reader.readings for reader in readers) >= 3
