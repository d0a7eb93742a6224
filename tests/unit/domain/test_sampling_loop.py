"""Sampling over minutes of load: n is right soon, stays so, and skips little that could be done."""

from __future__ import annotations

import itertools

import pytest

from easyai.domain.sampling import BOUND_SEC, LATE_SEC
from tests.unit.domain.sampled_site import SampledSite

MINUTE = 60


def _changes(ns: list[int]) -> int:
    return sum(before != after for before, after in itertools.pairwise(ns))


def _skipped(ns: list[int]) -> float:
    """The share of frames that are not inferred."""
    return sum(1 - 1 / n for n in ns) / len(ns)


def _seconds_until_n_is_1(ns: list[int]) -> int:
    """The seconds until n is 1 for good."""
    return max((second for second, n in enumerate(ns, 1) if n > 1), default=0)


@pytest.mark.parametrize("frames_per_sec", [1, 8, 12, 15.5])
def test_algorithms_that_keep_up_get_every_frame(frames_per_sec: float) -> None:
    assert set(SampledSite().run(frames_per_sec, 15 * MINUTE)) == {1}


@pytest.mark.parametrize(
    ("frames_per_sec", "enough"), [(18, 2), (25, 2), (31, 2), (42, 3), (60, 4), (100, 7)]
)
def test_steady_overload_is_handled_and_n_does_not_flap(frames_per_sec: float, enough: int) -> None:
    site = SampledSite()
    ns = site.run(frames_per_sec, 30 * MINUTE)
    assert max(ns) <= 1.5 * enough
    assert sum(ns) / len(ns) <= enough + 1
    assert _changes(ns) <= 4 * 30 * MINUTE / BOUND_SEC
    assert max(site.longest_wait[5 * MINUTE :]) < 25


def test_load_of_150_percent_is_halved_within_half_a_minute() -> None:
    site = SampledSite()
    ns = site.run(25, 10 * MINUTE)
    assert set(ns[30 : 5 * MINUTE]) == {2}
    assert _changes(ns) == 3  # once every five minutes it is tried
    assert max(site.longest_wait) < 15


def test_load_that_falls_gets_every_frame_within_half_a_minute() -> None:
    site = SampledSite()
    assert site.run(25, 3 * MINUTE)[-1] == 2
    ns = site.run(5, 10 * MINUTE)
    assert _seconds_until_n_is_1(ns) <= 30
    for _ in range(3):  # up and down
        assert site.run(25, 2 * MINUTE)[-1] == 2
        assert _seconds_until_n_is_1(site.run(5, 2 * MINUTE)) <= 30


def test_a_large_n_falls_at_once_when_the_load_does() -> None:
    site = SampledSite()
    assert site.run(100, 5 * MINUTE)[-1] >= 6
    assert _seconds_until_n_is_1(site.run(5, 2 * MINUTE)) <= 30


@pytest.mark.parametrize("burst_sec", [1, 3, 10])
def test_burst_skips_few_of_the_frames_after_it(burst_sec: int) -> None:
    site = SampledSite()
    site.run(5, MINUTE)
    site.run(100, burst_sec)
    ns = site.run(5, 5 * MINUTE)
    assert max(ns) <= 2
    assert _skipped(ns) <= 0.15


def test_algorithms_with_half_the_capacity_get_half_the_frames() -> None:
    site = SampledSite()
    site.run(25, 3 * MINUTE)
    site.call_sec *= 2
    ns = site.run(25, 3 * MINUTE)
    assert ns[30] >= 3
    assert max(ns) <= 4
    assert max(site.longest_wait) < 20
    site.call_sec /= 2
    back = site.run(25, 10 * MINUTE)
    assert set(back[6 * MINUTE : 10 * MINUTE]) <= {1, 2}
    assert _changes(back) <= 8


def test_frames_dropped_from_the_queue_do_not_raise_n() -> None:
    site = SampledSite(max_queue_size=100)
    assert site.run(25, 100)[-1] == 2
    for _ in range(4):
        site.run(200, 2)  # the queue overflows and is emptied
        assert sum(site.dropped.values()) > 0
        assert set(site.run(25, 40)) <= {1, 2}


def test_overload_is_seen_although_the_queue_is_emptied() -> None:
    site = SampledSite(max_queue_size=60)
    ns = site.run(25, 5 * MINUTE)
    assert max(site.longest_wait) < LATE_SEC
    assert set(ns[MINUTE:]) == {2}
    given_up = sum(site.dropped.values())
    site.run(25, MINUTE // 2)
    assert sum(site.dropped.values()) <= given_up + 2 * site.max_queue_size


@pytest.mark.parametrize("frames_per_sec", [5, 25])
def test_algorithms_that_become_fast_get_every_frame_within_the_minute(
    frames_per_sec: float,
) -> None:
    site = SampledSite(places=12, call_sec=3.0, endpoints=12)
    assert site.run(25, 3 * MINUTE)[-1] >= 6
    site.call_sec = 0.05
    ns = site.run(frames_per_sec, 5 * MINUTE)
    assert _seconds_until_n_is_1(ns) <= MINUTE


def test_long_calls_are_no_reason_to_infer_less() -> None:
    site = SampledSite(places=48, call_sec=2.9, endpoints=12)
    assert set(site.run(25, 4 * MINUTE)[30:]) == {2}
    assert _seconds_until_n_is_1(site.run(12, 3 * MINUTE)) <= 30


def test_algorithms_that_queue_calls_themselves_are_protected_too() -> None:
    site = SampledSite(places=100, call_sec=0.06, one_by_one=True)
    ns = site.run(25, 10 * MINUTE)
    assert set(ns[MINUTE // 2 :]) == {1, 2}
    assert _skipped(ns) >= 0.4
    assert _changes(ns) <= 4
    assert max(site.longest_wait) < 15


def test_calls_that_hang_for_a_minute_are_an_outage_and_cost_few_frames() -> None:
    site = SampledSite()
    site.run(8, MINUTE)
    site.hang()
    hanging = site.run(8, MINUTE)
    assert max(hanging) <= 2
    site.recover()
    assert _seconds_until_n_is_1(site.run(8, 5 * MINUTE)) <= MINUTE


def test_a_queue_of_many_minutes_is_worked_off_without_skipping_nearly_all() -> None:
    site = SampledSite(places=1, call_sec=1.0)
    ns = site.run(20, 30 * MINUTE)
    assert 20 / max(ns) >= 0.3  # frames inferred a second where the algorithm manages 1
    assert site.longest_wait[-1] < MINUTE
