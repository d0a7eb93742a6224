"""P1, P4 and P5 hold however the steps of several workers interleave."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from easyai.db import clock as db_clock
from tests.properties.machine import Ledger, MakeWorld
from tests.properties.world import Clock, World

_QUICK = settings(
    max_examples=25,
    stateful_step_count=30,
    database=None,
    deadline=None,
    print_blob=True,
    phases=[Phase.generate],  # shrinking takes minutes: the long run does it
    suppress_health_check=list(HealthCheck),
)
_EXAMPLES_ON_POSTGRESQL = 10
_SEED = 1
# The frames that even the shortest run brings to each state.
_LEAST = {
    "leased": 1,
    "settled": 1,
    "late": 1,
    "expired": 1,
    "returned": 1,
    "failed": 1,
    "requeued": 1,
    "dropped": 1,
    "parked": 1,
    "alert deleted": 1,
}


@pytest.fixture
def make_world(tmp_path: Path, fresh_url: Callable[[Path], str]) -> Iterator[MakeWorld]:
    """Makes an installation with an empty ledger and a clock, for each run of the machine."""
    numbers = itertools.count()
    with contextlib.ExitStack() as stack:
        clocks: list[Any] = []

        def make() -> World:
            folder = tmp_path / str(next(numbers))
            folder.mkdir()
            for patcher in clocks:
                patcher.stop()
            clock = Clock()
            # PostgreSQL's clock, too: a world has a single clock, which the machine sets.
            clocks[:] = [
                patch.object(time, "time", clock),
                patch.object(db_clock, "now", lambda _conn: clock()),
            ]
            url = fresh_url(folder)
            for patcher in clocks:
                patcher.start()
            return World(folder, url, clock)

        stack.callback(lambda: [clock.stop() for clock in clocks])
        yield make


def test_no_frame_is_lost_or_counted_twice_and_limits_hold(
    make_world: MakeWorld, database_kind: str
) -> None:
    seen: Counter[str] = Counter()
    members = {"make_world": staticmethod(make_world), "seen": seen}
    long = settings.get_current_profile_name() == "long"
    profile = settings.get_profile("long") if long else _quick(database_kind)
    machine = type("Machine", (Ledger,), members)
    if not long:
        machine = seed(_SEED)(machine)  # the same steps with every run
    run_state_machine_as_test(machine, settings=profile)
    # The machine goes where it hurts, or it proves nothing.
    assert {event: seen[event] for event, least in _LEAST.items() if seen[event] < least} == {}


def _quick(kind: str) -> settings:
    return _QUICK if kind == "sqlite" else settings(_QUICK, max_examples=_EXAMPLES_ON_POSTGRESQL)
