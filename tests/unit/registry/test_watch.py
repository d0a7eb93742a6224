"""How long a service was silent, by a clock that may have been set back."""

from __future__ import annotations

import pytest

from easyai.registry.watch import LONGEST_GAP_SEC, Watch

NOW = 1_800_000_000.0


@pytest.mark.parametrize("ahead_sec", [0.0, 6.0, 10.0, LONGEST_GAP_SEC])
def test_heartbeat_before_the_clock_was_set_back_is_not_silence(
    ahead_sec: float,
) -> None:
    always = Watch(since=0.0, gap_sec=0.0, jump_sec=0.0)
    assert always.silent_sec(NOW + ahead_sec, NOW) == 0.0


def test_a_heartbeat_from_far_ahead_keeps_no_service_alive() -> None:
    watched = Watch(since=NOW - 70, gap_sec=0.0, jump_sec=0.0)
    assert watched.silent_sec(NOW + 3600, NOW) == 70.0


def test_silence_counts_from_the_last_evidence() -> None:
    assert Watch(since=0.0, gap_sec=0.0, jump_sec=0.0).silent_sec(NOW - 42, NOW) == 42.0
