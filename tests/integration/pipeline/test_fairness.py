"""A busy task type never starves another type, and no place is free while frames wait."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from sqlalchemy import text

from easyai.pipeline import dispatcher
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.pumping import PumpedLoop
from tests.support.site import TYPE, Installation
from tests.support.waiting import wait_until

pytestmark = pytest.mark.sqlite_only

FACES, CARS = "人脸", "车辆"
ALL = (TYPE, FACES, CARS)
NOW = 4_000_000_000.0  # any time: the order of types must not depend on when the tests run

Limit = Callable[[Installation, int], AlgorithmStub]


def _installation(site: Installation, limit: int) -> AlgorithmStub:
    site.configure(max_concurrent_infer=limit)
    stub = AlgorithmStub(task_types=ALL)
    site.register(stub)
    return stub


def _service(site: Installation, limit: int) -> AlgorithmStub:
    stub = AlgorithmStub(task_types=ALL)
    site.register(stub, max_concurrency=limit)
    return stub


limited = pytest.mark.parametrize("limit_by", [_installation, _service])


@contextmanager
def _rung(loop: PumpedLoop, types: tuple[str, ...]) -> Iterator[None]:
    """Workers that pump the types for as long as the block runs."""
    ended: list[bool] = []

    def work(task_type: str) -> None:
        while not ended:
            loop.pump(task_type, 0.5)
            time.sleep(0.01)

    with ThreadPoolExecutor(len(types)) as pool:
        workers = [pool.submit(work, task_type) for task_type in types]
        try:
            yield
        finally:
            ended.append(True)
    for worker in workers:
        worker.result()


@limited
@pytest.mark.parametrize("limit", [1, 2])
def test_fewer_places_than_types_are_all_used_and_shared_by_every_type(
    site: Installation, limit_by: Limit, limit: int
) -> None:
    limit_by(site, limit)
    for task_type in ALL:
        site.record(10, task_type)
    turns = dict.fromkeys(ALL, 0)
    for second in range(40):
        taken = [(name, site.lease(name, now=NOW + second)) for name in ALL]
        assert sum(len(lease.frames) for _, lease in taken) == limit
        for name, lease in taken:
            turns[name] += len(lease.frames)
            site.give_back(lease)
    assert min(turns.values()) >= 40 * limit // 3 // 2


def test_trials_of_a_half_open_breaker_rotate_among_types_of_a_service(
    site: Installation,
) -> None:
    # Otherwise each type would leave the single place to another, and the breaker never close.
    _service(site, limit=4)
    with site.runtime.db.write() as conn:
        half_open = "UPDATE services SET breaker_failures = 3, breaker_open_until = 1"
        conn.execute(text(half_open))
    for task_type in ALL:
        site.record(10, task_type)
    turns = dict.fromkeys(ALL, 0)
    for second in range(40):
        taken = [(name, site.lease(name, now=NOW + second)) for name in ALL]
        assert sum(len(lease.frames) for _, lease in taken) == 1
        for name, lease in taken:
            turns[name] += len(lease.frames)
            site.give_back(lease)
    assert min(turns.values()) >= 3


def test_types_that_compete_for_two_limits_never_block_each_other(site: Installation) -> None:
    # Places of the installation and of a service: the same type must come first in both.
    site.configure(max_concurrent_infer=1)
    site.register(AlgorithmStub("a", task_types=("1", "3")), max_concurrency=1)
    site.register(AlgorithmStub("b", task_types=("2", "4")), max_concurrency=1)
    types = ("1", "2", "3", "4")
    for task_type in types:
        site.record(10, task_type)
    served = set()
    for second in range(60):
        taken = [site.lease(name, now=NOW + second) for name in types]
        assert sum(len(lease.frames) for lease in taken) == 1
        for lease in taken:
            served |= {frame.task_type for frame in lease.frames}
            site.give_back(lease)
    assert served == set(types)


@limited
def test_busy_types_get_equal_shares_of_the_places(site: Installation, limit_by: Limit) -> None:
    limit_by(site, 9)
    for task_type in ALL:
        site.record(50, task_type)
    for _ in range(3):
        for name in ALL:
            site.lease(name)
    rows = site.rows("SELECT task_type, count(*) AS n FROM frames WHERE state='leased' GROUP BY 1")
    assert {row["task_type"]: row["n"] for row in rows} == dict.fromkeys(ALL, 3)


@limited
def test_unused_share_of_places_goes_to_other_types(site: Installation, limit_by: Limit) -> None:
    limit_by(site, 10)
    site.record(50)
    site.record(2, FACES)
    assert len(site.lease().frames) == 8
    assert len(site.lease(FACES).frames) == 2


def test_no_place_is_reserved_for_a_type_at_its_own_limit(site: Installation) -> None:
    site.configure(f'[ai_analysis.types."{FACES}"]\nmax_concurrent = 2', max_concurrent_infer=10)
    site.register(AlgorithmStub(task_types=ALL))
    site.record(50)
    site.record(50, FACES)
    assert len(site.lease(FACES).frames) == 2
    assert len(site.lease().frames) == 8


def test_no_place_is_reserved_for_a_type_without_a_service(site: Installation) -> None:
    site.configure(max_concurrent_infer=10)
    site.register(AlgorithmStub(task_types=(TYPE,)))
    site.record(50)
    site.record(50, FACES)
    assert len(site.lease().frames) == 10


def test_single_place_is_reserved_for_a_type_with_a_half_open_breaker(site: Installation) -> None:
    site.configure(max_concurrent_infer=10)
    site.register(AlgorithmStub("a", task_types=(TYPE,)))
    pk = site.register(AlgorithmStub("b", task_types=(FACES,)))
    site.execute("UPDATE services SET breaker_open_until = 1 WHERE pk = :pk", pk=pk)
    site.record(50)
    site.record(50, FACES)
    assert len(site.lease().frames) == 9
    assert len(site.lease(FACES).frames) == 1


@limited
@pytest.mark.parametrize("limit", [1, 6])
def test_busy_type_does_not_starve_a_later_type(
    site: Installation, limit_by: Limit, limit: int
) -> None:
    stub = limit_by(site, limit)
    stub.delay = 0.01
    with stub:
        site.record(3000)
        with _rung(site.loop(), (TYPE, FACES)):
            stub.wait_for(10)
            site.record(10, FACES)
            query = "SELECT count(*) AS n FROM frames WHERE task_type = :t AND state = 'done'"
            wait_until(lambda: site.rows(query, t=FACES)[0]["n"] == 10, 15, "its turn has come")
        assert site.count("pending") > 1000
        assert stub.max_running == limit


@pytest.mark.parametrize("elsewhere", [False, True])
def test_waiting_type_continues_when_another_type_frees_a_place(
    site: Installation,
    algorithm: AlgorithmStub,
    monkeypatch: pytest.MonkeyPatch,
    elsewhere: bool,
) -> None:
    if not elsewhere:  # within a process no repeated look is needed
        monkeypatch.setattr(dispatcher, "_LOOK_AGAIN_SEC", 60.0)
    algorithm.task_types = ALL
    algorithm.delay = lambda frame: 0.4 if frame["task_type"] == TYPE else 0.0
    site.configure(max_concurrent_infer=4)
    site.register(algorithm)
    site.record(4)
    first = site.loop()
    second = site.loop(site.open()) if elsewhere else first
    with ThreadPoolExecutor(2) as pool:
        busy = pool.submit(first.pump, TYPE, 3.0)
        algorithm.wait_for(4)
        site.record(1, FACES)
        later = pool.submit(second.pump, FACES, 3.0)  # woken only once
        assert (busy.result().finished, later.result().finished) == (4, 1)
