"""Sampling by numbers: n follows the rates, up at once, down step by step."""

from __future__ import annotations

import itertools

import pytest

from easyai.domain.sampling import (
    LARGEST_N,
    PROBE_SEC,
    QUIET_SEC,
    EveryNth,
    Load,
    Sampling,
    next_sampling,
)

NOW = 1_800_000_000.0
LOOK_SEC = 5.0


@pytest.mark.parametrize(
    ("found", "done", "n"),
    [
        (30.0, 10.0, 4),
        (18.0, 10.0, 2),
        (9.1, 10.0, 2),
        (100.0, 1.0, 112),
        (9_000.0, 1.0, LARGEST_N),
    ],
)
def test_a_queue_makes_n_large_enough_at_once(found: float, done: float, n: int) -> None:
    load = Load(found, done, waiting=int(3 * done) + 10)
    assert next_sampling(Sampling(), load, NOW) == Sampling(n, NOW, done)


@pytest.mark.parametrize(
    "load",
    [
        Load(30.0, 10.0, waiting=15),  # a second and a half of work
        Load(30.0, 0.01, waiting=5),  # a few frames
        Load(30.0, 0.0, waiting=5000),  # an outage is no slowness
        Load(0.0, 0.0, waiting=0),
    ],
)
def test_without_a_queue_every_frame_is_inferred(load: Load) -> None:
    assert next_sampling(Sampling(), load, NOW).n == 1


def test_while_a_backlog_drains_n_stays() -> None:
    sampling = Sampling(4, NOW, 10.0)
    load = Load(30.0, 10.0, waiting=290)
    assert next_sampling(sampling, load, NOW + 1000).n == 4


def test_a_long_queue_that_should_not_be_there_makes_n_grow_by_one_now_and_then() -> None:
    load = Load(30.0, 10.0, waiting=301)
    assert next_sampling(Sampling(4, NOW, 10.0), load, NOW + 29).n == 4
    assert next_sampling(Sampling(4, NOW, 10.0), load, NOW + 30).n == 5


def test_n_falls_by_one_after_a_quiet_while() -> None:
    load = Load(12.0, 3.0, waiting=1)
    sampling = Sampling(4, NOW, 10.0)
    assert next_sampling(sampling, load, NOW + QUIET_SEC - 1).n == 4
    assert next_sampling(sampling, load, NOW + QUIET_SEC) == Sampling(3, NOW + QUIET_SEC, 10.0)


def test_a_large_n_falls_by_a_quarter_but_not_below_what_is_needed() -> None:
    sampling = Sampling(100, NOW, 10.0)
    assert next_sampling(sampling, Load(9.0, 5.0, 0), NOW + QUIET_SEC).n == 75
    assert next_sampling(sampling, Load(855.0, 9.0, 0), NOW + QUIET_SEC).n == 95


def test_where_the_measured_capacity_says_no_n_falls_only_after_a_long_while() -> None:
    load = Load(30.0, 8.0, waiting=1)
    sampling = Sampling(4, NOW, 10.0)
    assert next_sampling(sampling, load, NOW + PROBE_SEC - 1).n == 4
    assert next_sampling(sampling, load, NOW + PROBE_SEC).n == 3


def test_algorithms_that_do_more_than_was_measured_are_believed() -> None:
    load = Load(30.0, 25.0, waiting=1)
    assert next_sampling(Sampling(3, NOW, 10.0), load, NOW + 1).capacity_per_sec == 25.0


def test_a_clock_set_back_does_not_keep_n_for_ever() -> None:
    assert next_sampling(Sampling(4, NOW, 100.0), Load(9.0, 9.0, 0), NOW - 3600).n == 3


def _simulate(found: float, capacities: list[float], seconds: int) -> list[Sampling]:
    """The sampling at each look, of a camera crowd and algorithms as fast as each part says."""
    sampling, waiting, history = Sampling(), 0.0, []
    for second in range(seconds):
        capacity = capacities[second * len(capacities) // seconds]
        waiting += found / sampling.n
        done = min(capacity, waiting)
        waiting -= done
        if second % LOOK_SEC == 0:
            sampling = next_sampling(sampling, Load(found, done, int(waiting)), NOW + second)
        history.append(sampling)
    assert waiting < 10 * capacities[-1]
    return history


def test_algorithms_three_times_too_slow_are_kept_up_with_and_n_does_not_flap() -> None:
    history = _simulate(30.0, [10.0], 1200)
    assert history[30].n == 4
    ns = [one.n for one in history[60:]]
    changes = sum(a != b for a, b in itertools.pairwise(ns))
    assert set(ns) <= {2, 3, 4}
    assert changes <= 10


def test_algorithms_that_become_fast_again_get_every_frame_within_the_half_hour() -> None:
    history = _simulate(30.0, [10.0, 40.0, 40.0], 3600)
    assert history[1000].n >= 3
    assert history[-1].n == 1


def test_every_nth_frame_of_each_camera_is_kept() -> None:
    every = EveryNth()
    kept = [number for number in range(12) if every.keeps("a", 4)]
    assert kept == [0, 4, 8]
    assert every.keeps("b", 4)
    assert all(every.keeps("c", 1) for _ in range(5))


def test_a_smaller_n_counts_from_the_frame_kept_last() -> None:
    every = EveryNth()
    assert [every.keeps("a", 10) for _ in range(4)] == [True, False, False, False]
    assert [every.keeps("a", 2) for _ in range(4)] == [True, False, True, False]
