"""Makes the plan of a failing run smaller while it goes on failing in the same way."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from tests.simulation.plan import HORIZON_SEC, Plan
from tests.simulation.world import World

_LONGEST_SEC = 120.0
# Fields that may be made simpler, in this order: the calmest value of each.
_CALM: tuple[tuple[str, Any], ...] = (
    ("workers", 1),
    ("beats", 1),
    ("machines", 1),
    ("slots", 8),
    ("unheard", 0.0),
    ("stale_sec", 0.0),
    ("obeys", False),
    ("page", 1000),
    ("file_clock", 0.0),
    ("file_grain", 0.0),
    ("foreign", False),
    ("kept_sec", 0.0),
    ("horizon", HORIZON_SEC),
)


def kind_of(violation: str) -> str:
    """The kind of a violation: the word before the colon."""
    return violation.split(":")[0]


def shrink(plan: Plan, kind: str, ignored: frozenset[str], most_runs: int = 150) -> Plan:
    """The smallest plan found within `most_runs` runs that still ends with this kind.

    A plan of hundreds of parts takes seconds a run: after some minutes no further run begins.
    """
    left, began = [most_runs], time.monotonic()

    def fails(candidate: Plan) -> bool:
        left[0] -= 1
        if time.monotonic() - began > _LONGEST_SEC:
            left[0] = 0
        outcome = World(candidate, ignored).run()
        return bool(outcome.violations) and kind_of(outcome.violations[0]) == kind

    if not fails(plan):
        return plan  # the code was changed meanwhile
    plan = _without_parts(plan, fails, left)
    for candidate_of in (_calmer, _with_fewer_pictures):
        for change in candidate_of(plan):
            if left[0] > 0 and change(plan) != plan and fails(change(plan)):
                plan = change(plan)
    return _without_parts(plan, fails, left)


def _without_parts(plan: Plan, fails: Callable[[Plan], bool], left: list[int]) -> Plan:
    """Delta debugging: leave out halves, quarters and single parts."""
    size = max(1, len(plan.parts()) // 2)
    while left[0] > 0:
        parts, smaller = plan.parts(), None
        for start in range(0, len(parts), size):
            candidate = plan.without(parts[start : start + size])
            if left[0] > 0 and fails(candidate):
                smaller = candidate
                break
        if smaller is not None:
            plan = smaller
        elif size == 1:
            break
        else:
            size //= 2
    return plan


def _calmer(plan: Plan) -> Iterator[Callable[[Plan], Plan]]:
    for name, value in _CALM:
        yield lambda now, name=name, value=value: replace(now, **{name: value})  # type: ignore[misc]
    for name in ("offsets", "drifts"):
        calm = tuple(0.0 for _ in plan.offsets)
        yield lambda now, name=name, calm=calm: replace(now, **{name: calm})  # type: ignore[misc]
    for name in plan.settings["types"]:
        yield lambda now, name=name: _without_limits(now, name)  # type: ignore[misc]


def _without_limits(plan: Plan, task_type: str) -> Plan:
    types = {name: own for name, own in plan.settings["types"].items() if name != task_type}
    return replace(plan, settings={**plan.settings, "types": types})


def _with_fewer_pictures(plan: Plan) -> Iterator[Callable[[Plan], Plan]]:
    for number in range(len(plan.cameras)):
        for count in (1, 2, 4):
            yield lambda now, number=number, count=count: _limited(now, number, count)  # type: ignore[misc]


def _limited(plan: Plan, number: int, count: int) -> Plan:
    cameras = list(plan.cameras)
    cameras[number] = replace(cameras[number], count=min(count, cameras[number].count))
    return replace(plan, cameras=tuple(cameras))
