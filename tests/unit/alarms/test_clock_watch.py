"""Jumps of the wall clock are seen, slow corrections are not taken for jumps."""

from __future__ import annotations

import pytest

from easyai.alarms.clock_watch import ClockWatch


@pytest.mark.parametrize("jump", [3600.0, -3600.0, 6.0])
def test_a_jump_is_seen_once_and_the_clock_is_steady_again_after_a_minute(jump: float) -> None:
    clock = ClockWatch(wall=1_700_000_000.0, now=50.0, steady_after_sec=60.0)
    assert clock.compare(1_700_000_002.0 + jump, 52.0) == pytest.approx(jump)
    assert not clock.is_steady(52.0)
    assert clock.compare(1_700_000_004.0 + jump, 54.0) == 0.0
    assert not clock.is_steady(52.0 + 59.0)
    assert clock.is_steady(52.0 + 60.0)


def test_neither_a_late_check_nor_a_slow_correction_is_a_jump() -> None:
    clock = ClockWatch(wall=0.0, now=0.0, steady_after_sec=60.0)
    assert clock.compare(600.0, 600.0) == 0.0
    assert [clock.compare(600.0 + second * 1.001, 600.0 + second) for second in range(100)] == [
        0
    ] * 100
    assert clock.is_steady(700.0)
