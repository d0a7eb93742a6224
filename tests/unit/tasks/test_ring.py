"""A scan wakes the dispatcher of its own process without a message for each task type."""

from __future__ import annotations

from collections.abc import Collection
from types import SimpleNamespace
from typing import Any

import pytest

from easyai.domain.wake_turns import MOST_WOKEN, WakeTurns
from easyai.tasks.process import WorkerProcess

MANY = [f"t{number:03d}" for number in range(200)]


class _Loop:
    """An inference loop that looks, or hangs."""

    def __init__(self, *, works: bool) -> None:
        self.works, self.looks = works, 0

    def look(self) -> bool:
        self.looks += 1
        return self.works


def _ring(
    types: list[str], loop: _Loop | None, others: Collection[str] = (), *, stopping: bool = False
) -> list[str]:
    """The types that get a message when a process without the types `others` rings."""
    rung: list[str] = []
    queues = SimpleNamespace(serves=lambda name: name not in others)
    process = WorkerProcess(SimpleNamespace(amqp=SimpleNamespace(queues=queues)))
    runtime: Any = SimpleNamespace(doorbell=SimpleNamespace(ring_all=rung.extend))
    inference: Any = loop
    process._runtime, process._inference = runtime, inference
    process._stopping = stopping
    process.ring(types)
    return rung


def test_two_hundred_types_get_few_messages_where_the_own_dispatcher_looks() -> None:
    loop = _Loop(works=True)
    assert len(_ring(MANY, loop)) == MOST_WOKEN
    assert loop.looks == 1


def test_types_that_only_other_workers_serve_all_get_a_message() -> None:
    others = MANY[50:150]
    rung = _ring(MANY, _Loop(works=True), others)
    assert set(others) <= set(rung)
    assert len(rung) == len(others) + MOST_WOKEN


def test_few_types_get_a_message_each() -> None:
    loop = _Loop(works=True)
    assert _ring(MANY[:MOST_WOKEN], loop) == MANY[:MOST_WOKEN]
    assert loop.looks == 0  # a worker takes the message: a second look would be for nothing


@pytest.mark.parametrize("loop", [None, _Loop(works=False)], ids=["not open", "hangs"])
def test_all_types_get_a_message_where_the_own_dispatcher_does_not_look(
    loop: _Loop | None,
) -> None:
    assert _ring(MANY, loop) == MANY


def test_all_types_get_a_message_from_a_process_that_stops() -> None:
    assert _ring(MANY, _Loop(works=True), stopping=True) == MANY


def test_each_type_has_its_turn_whatever_the_time_between_two_scans() -> None:
    turns, needed = WakeTurns(), len(MANY) // MOST_WOKEN
    assert {name for _ in range(needed) for name in turns.take(MANY)} == set(MANY)
