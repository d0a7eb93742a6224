"""All workers together send frames of a type no faster than its rate limit."""

from __future__ import annotations

import time
from contextlib import ExitStack

from tests.support.algorithm_stub import AlgorithmStub
from tests.support.pumping import PumpedLoop
from tests.support.site import TYPE, Installation
from tests.support.waiting import wait_until

OTHER = "人脸"
NOW = 4_000_000_001.0


def _limit(site: Installation, rate: str, **analysis: object) -> None:
    site.configure(f'[ai_analysis.types."{TYPE}"]\nrate_limit = "{rate}"', **analysis)


def _leased(site: Installation, now: float, task_type: str = TYPE) -> int:
    found = site.lease(task_type, 100, now)
    site.execute("UPDATE frames SET state = 'done', lease_token = NULL WHERE state = 'leased'")
    return len(found.frames)


def test_rate_limit_allows_a_burst_of_a_second_and_then_its_rate(site: Installation) -> None:
    _limit(site, "30/s")
    site.register(AlgorithmStub(task_types=(TYPE, OTHER)))
    site.record(100)
    site.record(100, OTHER)
    assert _leased(site, NOW) == 30
    assert _leased(site, NOW) == 0
    assert _leased(site, NOW + 0.101) == 3
    assert _leased(site, NOW + 100) == 30
    assert _leased(site, NOW + 100, OTHER) == 100, "others go on"


def test_slow_rate_limit_leases_single_frames_and_returns_the_next_time(
    site: Installation,
) -> None:
    _limit(site, "6/m")
    site.register(AlgorithmStub())
    site.record(5)
    assert _leased(site, NOW) == 1
    waits = site.lease(TYPE, 100, NOW + 4)
    assert (waits.frames, waits.crowded) == ([], [])
    assert waits.look_at is not None
    assert abs(waits.look_at - (NOW + 10)) < 0.01
    assert _leased(site, NOW + 10.01) == 1


def test_no_place_is_reserved_beyond_the_rate_limit_of_a_type(site: Installation) -> None:
    _limit(site, "1/s", max_concurrent_infer=10)
    site.register(AlgorithmStub(task_types=(TYPE, OTHER)))
    site.record(50)
    site.record(50, OTHER)
    assert len(site.lease(OTHER, 100, NOW).frames) == 9
    assert len(site.lease(TYPE, 100, NOW).frames) == 1


def test_clock_set_back_does_not_block_a_rate_limited_type(
    site: Installation,
) -> None:
    _limit(site, "2/s")
    site.register(AlgorithmStub())
    site.record(50)
    assert _leased(site, NOW) == 2
    assert [_leased(site, NOW - 3600) for _ in range(2)] == [2, 0]
    assert _leased(site, NOW - 3599) == 2


def test_two_workers_share_the_rate_limit(site: Installation, algorithm: AlgorithmStub) -> None:
    _limit(site, "20/s")
    site.register(algorithm)
    site.put_many(120)
    site.scan()
    loops: list[PumpedLoop] = [site.loop(site.open()) for _ in range(2)]
    with ExitStack() as stack:
        for loop in loops:
            stack.enter_context(loop.pumped(TYPE))
        began = time.monotonic()
        wait_until(lambda: algorithm.count >= 60, 30, "60 frames were sent")
        seconds = time.monotonic() - began
        sent = algorithm.count
    assert sent <= 20 + 20 * (seconds + 0.5), f"{sent} in {seconds:.2f} s"
    assert seconds < 15, "and as fast as it allows"
