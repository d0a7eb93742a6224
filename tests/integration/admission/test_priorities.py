"""Types of a higher priority get places first, as many as they can use."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import count

import pytest

from easyai.pipeline.shares import is_floor
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.site import Installation

FALLS, CROWD, FACES = "跌倒", "人群", "人脸"
ALL = (FALLS, CROWD, FACES)
IMPORTANT = f'[ai_analysis.types."{FALLS}"]\npriority = 9'
UNIMPORTANT = f'[ai_analysis.types."{CROWD}"]\npriority = 1'

Limit = Callable[[Installation, int, str], None]


def _installation(site: Installation, limit: int, extra: str) -> None:
    site.configure(extra, max_concurrent_infer=limit)
    site.register(AlgorithmStub(task_types=ALL))


def _service(site: Installation, limit: int, extra: str) -> None:
    site.configure(extra)
    site.register(AlgorithmStub(task_types=ALL), max_concurrency=limit)


limited = pytest.mark.parametrize("limit_by", [_installation, _service])


def _leased(site: Installation, task_type: str, most: int = 100, *, floor: bool = False) -> int:
    """The number of leased frames; `floor`: in a second in which each type may have a place."""
    now = next(at for at in count(int(time.time()) + 1) if is_floor(at) == floor)
    return len(site.lease(task_type, most, float(now)).frames)


@limited
@pytest.mark.parametrize("extra", [IMPORTANT, UNIMPORTANT, f"{IMPORTANT}\n{UNIMPORTANT}"])
def test_more_important_type_gets_every_place_it_can_use(
    site: Installation, limit_by: Limit, extra: str
) -> None:
    limit_by(site, 10, extra)
    site.record(50, CROWD)
    site.record(7, FALLS)
    assert _leased(site, CROWD) == 3
    assert _leased(site, FALLS) == 7


@limited
def test_places_left_by_important_types_are_shared_equally(
    site: Installation, limit_by: Limit
) -> None:
    limit_by(site, 10, IMPORTANT)
    site.record(50, CROWD)
    site.record(50, FACES)
    site.record(4, FALLS)
    assert [_leased(site, name) for name in (CROWD, FACES, FALLS)] == [3, 3, 4]


@limited
def test_no_place_is_reserved_for_an_important_type_without_frames(
    site: Installation, limit_by: Limit
) -> None:
    limit_by(site, 10, IMPORTANT)
    site.record(50, CROWD)
    assert _leased(site, CROWD) == 10


@limited
def test_important_type_with_enough_frames_takes_every_place(
    site: Installation, limit_by: Limit
) -> None:
    limit_by(site, 6, IMPORTANT)
    site.record(50, CROWD)
    site.record(50, FALLS)
    assert _leased(site, CROWD) == 0
    assert _leased(site, FALLS) == 6


@limited
@pytest.mark.parametrize("limit", [2, 6])
def test_every_tenth_second_each_type_gets_a_place(
    site: Installation, limit_by: Limit, limit: int
) -> None:
    limit_by(site, limit, IMPORTANT)
    site.record(50, CROWD)
    site.record(50, FALLS)
    assert _leased(site, FALLS, floor=True) == limit - 1
    assert _leased(site, CROWD, floor=True) == 1
    assert _leased(site, CROWD, floor=True) == 0, "one, not a share"


@limited
def test_every_tenth_second_a_single_place_alternates_between_types(
    site: Installation, limit_by: Limit
) -> None:
    limit_by(site, 1, IMPORTANT)
    site.record(50, CROWD)
    site.record(50, FALLS)
    begun = int(time.time()) // 10 * 10 + 10
    got = dict.fromkeys((CROWD, FALLS), 0)
    for turn in range(40):
        now = float(begun + 10 * turn)
        for name in got:
            got[name] += len(site.lease(name, 1, now).frames)
        site.execute("UPDATE frames SET state = 'done', lease_token = NULL WHERE state = 'leased'")
    assert sum(got.values()) == 40
    assert min(got.values()) > 5, got


def test_small_batch_leaves_important_types_their_places(site: Installation) -> None:
    _installation(site, 10, UNIMPORTANT)
    site.record(50, CROWD)
    site.record(8, FALLS)
    assert [_leased(site, CROWD, most=5) for _ in range(2)] == [2, 0]
    assert _leased(site, FALLS) == 8


def test_places_an_important_type_cannot_use_are_not_reserved(site: Installation) -> None:
    site.configure(IMPORTANT, max_concurrent_infer=10)
    site.register(AlgorithmStub("falls", task_types=(FALLS,)), max_concurrency=2)
    site.register(AlgorithmStub("crowd", task_types=(CROWD,)))
    site.record(50, CROWD)
    site.record(50, FALLS)
    assert _leased(site, CROWD) == 8
    assert _leased(site, FALLS) == 2


def test_no_place_is_reserved_for_cameras_whose_endpoint_is_full(site: Installation) -> None:
    full, free = AlgorithmStub("a", task_types=(FALLS,)), AlgorithmStub("b", task_types=ALL)
    tasks = [
        f'[[frame_extractor.tasks]]\nid = "c{n}"\npreferred_algorithm_endpoint = "{full.endpoint}"'
        for n in range(5)
    ]
    extra = "\n".join([f'{IMPORTANT}\naffinity = "task_id"', *tasks])
    site.configure(extra, max_concurrent_infer=4)
    site.register(full, max_concurrency=1)
    site.register(free)
    for n in range(5):
        site.record(1, FALLS, camera=f"c{n}", stream=f"c{n}")
    site.record(50, CROWD)
    assert _leased(site, FALLS) == 1
    assert _leased(site, CROWD) == 3
