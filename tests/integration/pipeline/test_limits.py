"""P5: no limit is ever exceeded, and with waiting frames every limit is reached."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from tests.support.algorithm_stub import AlgorithmStub
from tests.support.site import TYPE, Installation
from tests.support.waiting import wait_until

OTHER = "人脸"


def _leased(site: Installation, by: str) -> dict[str | int, int]:
    rows = site.rows(f"SELECT {by} AS k, count(*) AS n FROM frames WHERE state='leased' GROUP BY 1")
    return {row["k"]: row["n"] for row in rows}


def _lease_from_many_threads(site: Installation, types: list[str], most: int) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: site.lease(types[n % len(types)], most), range(24)))


def test_concurrent_dispatching_fills_the_installation_limit_exactly(
    site: Installation,
) -> None:
    site.configure(max_concurrent_infer=37)
    site.register(AlgorithmStub(task_types=(TYPE, OTHER)))
    site.record(200)
    site.record(200, OTHER)
    _lease_from_many_threads(site, [TYPE, OTHER], most=5)
    assert site.count("leased") == 37
    assert set(_leased(site, "task_type")) == {TYPE, OTHER}


def test_concurrent_dispatching_fills_each_service_limit_exactly(site: Installation) -> None:
    first = site.register(AlgorithmStub("a"), max_concurrency=3)
    second = site.register(AlgorithmStub("b"), max_concurrency=11)
    site.record(200)
    _lease_from_many_threads(site, [TYPE], most=4)
    assert _leased(site, "service_pk") == {first: 3, second: 11}


def test_concurrent_dispatching_fills_a_type_limit_exactly(site: Installation) -> None:
    site.configure(f'[ai_analysis.types."{TYPE}"]\nmax_concurrent = 6')
    site.register(AlgorithmStub(task_types=(TYPE, OTHER)))
    site.record(200)
    site.record(20, OTHER)
    _lease_from_many_threads(site, [TYPE, OTHER], most=4)
    assert _leased(site, "task_type") == {TYPE: 6, OTHER: 20}


def test_lowered_limit_leases_no_frame_until_places_are_free(
    site: Installation,
) -> None:
    site.register(AlgorithmStub())
    site.record(100)
    many = site.lease(most=20)
    site.configure(max_concurrent_infer=10)
    assert site.lease().frames == []
    site.give_back(many)
    assert len(site.lease().frames) == 10


def test_service_registered_with_a_lower_limit_gets_no_more_frames(
    site: Installation,
) -> None:
    stub = AlgorithmStub()
    site.register(stub, max_concurrency=10)
    site.record(100)
    assert len(site.lease().frames) == 10
    site.register(stub, max_concurrency=4)
    assert site.lease().frames == []


def test_no_frame_is_leased_twice(site: Installation) -> None:
    site.register(AlgorithmStub())
    site.record(90)
    with ThreadPoolExecutor(8) as pool:
        groups = list(pool.map(lambda _: site.lease(most=7), range(16)))
    ids = [frame.id for group in groups for frame in group.frames]
    assert len(ids) == len(set(ids)) == 90


@pytest.mark.parametrize("limit", ["installation", "service"])
def test_workers_on_a_shared_database_reach_a_limit_and_never_exceed_it(
    site: Installation, algorithm: AlgorithmStub, limit: str
) -> None:
    if limit == "installation":
        site.configure(max_concurrent_infer=6, batch_size=4)
        site.register(algorithm)
    else:
        site.configure(batch_size=4)
        site.register(algorithm, max_concurrency=6)
    algorithm.delay = 0.05
    site.put_many(150)
    site.scan()
    loops = [site.loop(site.open()) for _ in range(3)]
    most: list[int] = []
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.01):
            most.append(site.count("leased"))

    watcher = threading.Thread(target=watch)
    watcher.start()
    with ExitStack() as stack:
        for loop in loops:
            stack.enter_context(loop.pumped(TYPE))
        wait_until(lambda: site.count("done") == 150, 30, "all are inferred")
    ended.set()
    watcher.join(10)
    assert max(most) == 6
    assert algorithm.max_running == 6
    assert algorithm.count == 150
