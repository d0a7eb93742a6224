"""Places of a limit are shared: equally where there are enough, by turns where there are not."""

from __future__ import annotations

import pytest

from easyai.pipeline.room import shares

TYPES = ["人数统计", "人脸", "车辆", "烟火", "安全帽"]


@pytest.mark.parametrize(("limit", "count", "share"), [(100, 1, 100), (100, 3, 33), (5, 5, 1)])
def test_enough_places_are_shared_equally(limit: int, count: int, share: int) -> None:
    assert shares(limit, TYPES[:count], 0.0) == dict.fromkeys(TYPES[:count], share)


@pytest.mark.parametrize("limit", [1, 2, 4])
def test_fewer_places_than_types_go_to_as_many_types(limit: int) -> None:
    for second in range(50):
        share = shares(limit, TYPES, float(second))
        assert sorted(share.values()) == [0] * (5 - limit) + [1] * limit


def test_every_type_gets_its_turns() -> None:
    turns = dict.fromkeys(TYPES, 0)
    for second in range(500):
        for name, share in shares(1, TYPES, float(second)).items():
            turns[name] += share
    assert 60 < min(turns.values()) <= max(turns.values()) < 150


def test_everybody_comes_to_the_same_answer_in_any_order() -> None:
    for second in range(50):
        assert shares(2, TYPES, second + 0.1) == shares(2, TYPES[::-1], second + 0.9)


def test_whoever_has_the_turn_among_all_has_it_among_some() -> None:
    for second in range(200):
        (first,) = [name for name, share in shares(1, TYPES, second).items() if share]
        others = [name for name in TYPES if name != first]
        for other in others:
            assert shares(1, [other, first], second) == {first: 1, other: 0}
