"""Which frames give way: the least important types first, and only as many as needed."""

from __future__ import annotations

from easyai.domain.overload import give_way, in_turn

PRIORITY = {"falls": 9, "faces": 5, "crowd": 5, "litter": 1}


def _priority(name: str) -> int:
    return PRIORITY[name]


def test_nothing_gives_way_while_no_more_wait_than_may() -> None:
    assert give_way({"falls": 60, "crowd": 40}, _priority, 100) == []
    assert give_way({}, _priority, 0) == []


def test_the_least_important_types_give_way_first_and_no_more_than_needed() -> None:
    waiting = {"falls": 60, "crowd": 50, "faces": 20, "litter": 30}
    assert give_way(waiting, _priority, 150) == [(["litter"], 10)]
    assert give_way(waiting, _priority, 120) == [(["litter"], 30), (["crowd", "faces"], 10)]
    assert give_way(waiting, _priority, 20) == [
        (["litter"], 30),
        (["crowd", "faces"], 70),
        (["falls"], 40),
    ]


def test_a_type_of_which_nothing_waits_gives_nothing() -> None:
    assert give_way({"falls": 5, "litter": 0, "crowd": 0}, _priority, 3) == [(["falls"], 2)]


def test_types_give_way_as_a_whole_by_priority_then_by_how_many_wait() -> None:
    waiting = {"falls": 900, "crowd": 50, "faces": 70, "litter": 1}
    assert in_turn(waiting, _priority) == ["litter", "faces", "crowd", "falls"]
