"""Sampling by numbers: n grows while a queue grows, falls where places are free, else stays."""

from __future__ import annotations

from dataclasses import replace

import pytest

from easyai.domain.sampling import (
    BOUND_SEC,
    LARGEST_N,
    QUIET_SEC,
    SETTLE_SEC,
    STEP_SEC,
    EveryNth,
    Load,
    Sampling,
    next_sampling,
)

NOW = 1_800_000_000.0
OVERLOAD = Load(25.0, 16.0, waiting=90, growing=True, late=True, full=True)
QUIET = Load(25.0, 12.0, waiting=12)


@pytest.mark.parametrize(("n", "more"), [(1, 2), (2, 3), (3, 4), (4, 6), (100, 150)])
def test_while_the_queue_grows_n_grows_by_half_and_the_rate_is_remembered(
    n: int, more: int
) -> None:
    load = replace(OVERLOAD, found_per_sec=25.0 * n)
    assert next_sampling(Sampling(n, NOW), load, NOW + 5) == Sampling(more, NOW + 5, 25.0)


def test_n_grows_once_in_five_seconds_with_any_number_of_scanners() -> None:
    sampling, load = Sampling(2, NOW), replace(OVERLOAD, found_per_sec=50.0)
    assert next_sampling(sampling, load, NOW + STEP_SEC - 0.1) == sampling
    assert next_sampling(sampling, load, NOW + STEP_SEC).n == 3


def test_n_never_exceeds_its_limit() -> None:
    load = replace(OVERLOAD, found_per_sec=1e6)
    assert next_sampling(Sampling(LARGEST_N, NOW), load, NOW + 5).n == LARGEST_N


@pytest.mark.parametrize(
    "load",
    [
        pytest.param(replace(OVERLOAD, late=False), id="nobody waits long"),
        pytest.param(replace(OVERLOAD, full=False), id="there are places free"),
        pytest.param(replace(OVERLOAD, growing=False), id="the queue shrinks"),
        pytest.param(replace(OVERLOAD, found_per_sec=15.0), id="more is done than comes"),
        pytest.param(replace(OVERLOAD, done_per_sec=0.0), id="an outage is no slowness"),
        pytest.param(QUIET, id="all is well"),
        pytest.param(Load(0.0, 0.0), id="nothing happens"),
    ],
)
def test_n_stays_when_no_queue_grows(load: Load) -> None:
    assert next_sampling(Sampling(1, NOW), load, NOW + 5) == Sampling(1, NOW)
    assert next_sampling(Sampling(4, NOW, 20.0), load, NOW + 5) == Sampling(4, NOW, 20.0)


def test_a_long_queue_that_shrinks_too_slowly_makes_n_grow_now_and_then() -> None:
    sampling = Sampling(4, NOW, 10.0)
    slowly = Load(36.0, 10.0, waiting=400, late=True, full=True)  # 1 a second
    assert next_sampling(sampling, slowly, NOW + SETTLE_SEC - 1).n == 4
    assert next_sampling(sampling, slowly, NOW + SETTLE_SEC) == Sampling(6, NOW + SETTLE_SEC, 10.0)
    soon_gone = replace(slowly, waiting=290)
    assert next_sampling(sampling, soon_gone, NOW + SETTLE_SEC).n == 4
    no_faster = replace(slowly, waiting=100_000, found_per_sec=4 * 4.9)
    assert next_sampling(sampling, no_faster, NOW + SETTLE_SEC).n == 4


@pytest.mark.parametrize(
    ("found", "n"),
    [(5.0, 1), (19.0, 1), (21.0, 2), (59.0, 3), (1000.0, 8)],
)
def test_n_falls_at_once_as_far_as_the_remembered_bound_allows(found: float, n: int) -> None:
    sampling, load = Sampling(8, NOW, 25.0), Load(found, 10.0)
    assert next_sampling(sampling, load, NOW + QUIET_SEC - 1) == sampling
    assert next_sampling(sampling, load, NOW + QUIET_SEC).n == n


@pytest.mark.parametrize(("busy", "n"), [(0.0, 1), (0.07, 1), (0.14, 2), (0.6, 8), (5.0, 8)])
def test_n_falls_as_far_as_the_endpoints_are_idle(busy: float, n: int) -> None:
    sampling, load = Sampling(8, NOW, 4.0), Load(25.0, 3.0, busy=busy)
    assert next_sampling(sampling, load, NOW + SETTLE_SEC - 1) == sampling
    assert next_sampling(sampling, load, NOW + SETTLE_SEC).n == n


@pytest.mark.parametrize(("n", "fewer"), [(2, 1), (7, 6), (8, 6), (1000, 750)])
def test_after_five_minutes_the_bound_is_forgotten_and_n_falls_step_by_step(
    n: int, fewer: int
) -> None:
    sampling, load = Sampling(n, NOW, 20.0), Load(20.0 * n, 19.0, busy=9.0)
    assert next_sampling(sampling, load, NOW + BOUND_SEC - 1) == sampling
    tried = next_sampling(sampling, load, NOW + BOUND_SEC)
    assert tried == Sampling(fewer, NOW + BOUND_SEC)
    if fewer > 1:
        assert next_sampling(tried, load, NOW + BOUND_SEC + QUIET_SEC).n < fewer


@pytest.mark.parametrize("sampling", [Sampling(4, NOW, 100.0), Sampling(4, NOW)])
def test_n_does_not_fall_while_frames_wait_long_or_every_place_is_taken(
    sampling: Sampling,
) -> None:
    for load in (replace(QUIET, full=True), replace(QUIET, late=True)):
        assert next_sampling(sampling, load, NOW + 2 * BOUND_SEC).n == 4


def test_bound_is_at_least_the_measured_rate_and_falls_only_while_a_queue_grows() -> None:
    sampling = Sampling(3, NOW, 10.0)
    assert next_sampling(sampling, Load(90.0, 15.0), NOW + 5).capacity_per_sec == 15.0
    assert next_sampling(sampling, Load(90.0, 3.0), NOW + 5).capacity_per_sec == 10.0
    draining = Load(15.0, 7.0, waiting=90, late=True, full=True)
    assert next_sampling(sampling, draining, NOW + 5).capacity_per_sec == 10.0
    growing = Load(27.0, 7.0, waiting=90, growing=True, late=True, full=True)
    assert next_sampling(sampling, growing, NOW + 5).capacity_per_sec == 9.0


def test_sampling_follows_the_load_again_after_the_clock_was_set_back() -> None:
    assert next_sampling(Sampling(4, NOW, 100.0), Load(9.0, 9.0), NOW - 3600).n == 1


def test_every_nth_frame_of_each_camera_is_kept() -> None:
    every = EveryNth()
    kept = [number for number in range(12) if every.keeps("a", 4)]
    assert kept == [0, 4, 8]
    assert every.keeps("b", 4)
    assert all(every.keeps("c", 1) for _ in range(5))


def test_smaller_n_counts_from_the_last_kept_frame() -> None:
    every = EveryNth()
    assert [every.keeps("a", 10) for _ in range(4)] == [True, False, False, False]
    assert [every.keeps("a", 2) for _ in range(4)] == [True, False, True, False]


def test_cameras_that_are_gone_are_forgotten() -> None:
    every = EveryNth()
    for camera in range(1000):
        assert every.keeps(camera, 3)
    every.forget()
    assert not every.keeps(7, 3)  # as it goes on
    every.forget()
    assert len(every) == 1
    assert [every.keeps(7, 3) for _ in range(3)] == [False, True, False]
