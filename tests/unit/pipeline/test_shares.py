"""Places of a limit are shared: equally where they suffice, in rotation where they do not."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from easyai.domain.service import Candidate
from easyai.pipeline.places import Places
from easyai.pipeline.service_cache import ServiceCache
from easyai.pipeline.shares import Contender, is_floor, share
from easyai.settings.schema import AiAnalysis

TYPES = ["人数统计", "人脸", "车辆", "烟火", "安全帽"]
NO_FLOOR = 1.0  # a second in which priorities and shares hold


class OneService(ServiceCache):
    """A service without a limit that serves all types."""

    def __init__(self) -> None:
        super().__init__()
        service = Candidate(1, "http://127.0.0.1:1/infer", "s", "", False, None)
        service.task_types = tuple(TYPES)
        self._replace([service])


def shared(
    limit: int, types: Sequence[str], now: float, in_flight: dict[str, int] | None = None
) -> dict[str, int]:
    """The share of each type in a limit while each type has any number of frames."""
    contenders = [Contender(name, 5, ours=True) for name in types]
    flying = [(1, name, count) for name, count in (in_flight or {}).items()]
    places = Places(AiAnalysis(max_concurrent_infer=limit), flying, now)
    share(contenders, places, OneService(), 10_000, now)
    return {contender.name: contender.wanted for contender in contenders}


@pytest.mark.parametrize(("limit", "count", "part"), [(100, 1, 100), (99, 3, 33), (5, 5, 1)])
def test_enough_places_are_shared_equally(limit: int, count: int, part: int) -> None:
    assert shared(limit, TYPES[:count], NO_FLOOR) == dict.fromkeys(TYPES[:count], part)


def test_remaining_places_are_given_out_too() -> None:
    assert sorted(shared(100, TYPES[:3], NO_FLOOR).values()) == [33, 33, 34]


def test_calls_in_flight_count_towards_the_share() -> None:
    assert shared(10, TYPES[:2], NO_FLOOR, {TYPES[0]: 4}) == {TYPES[0]: 1, TYPES[1]: 5}
    assert shared(10, TYPES[:2], NO_FLOOR, {TYPES[0]: 9}) == {TYPES[0]: 0, TYPES[1]: 1}


@pytest.mark.parametrize("limit", [1, 2, 4])
def test_fewer_places_than_types_go_to_as_many_types(limit: int) -> None:
    for second in range(50):
        assert (
            sorted(shared(limit, TYPES, float(second)).values()) == [0] * (5 - limit) + [1] * limit
        )


def test_every_type_gets_its_turns() -> None:
    turns = dict.fromkeys(TYPES, 0)
    for second in range(500):
        for name, places in shared(1, TYPES, float(second)).items():
            turns[name] += places
    assert 60 < min(turns.values()) <= max(turns.values()) < 150


def test_all_workers_compute_equal_shares_for_any_order_of_types() -> None:
    for second in range(50):
        assert shared(2, TYPES, second + 0.1) == shared(2, TYPES[::-1], second + 0.9)


def test_type_that_gets_the_place_among_all_gets_it_among_any_subset() -> None:
    for second in range(200):
        (first,) = [name for name, places in shared(1, TYPES, second).items() if places]
        for other in (name for name in TYPES if name != first):
            assert shared(1, [other, first], second) == {first: 1, other: 0}


def test_every_tenth_second_is_the_floor_second() -> None:
    assert [second for second in range(30) if is_floor(float(second))] == [0, 10, 20]
