"""Why frames are not inferred: every cause that the facts show, most likely first."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from easyai.health.causes import flow, inference, ours, processes, services, settings_file
from easyai.health.causes.cause import Cause
from easyai.health.facts import Facts

_OURS: Final = (settings_file, ours, processes)
_OTHERS: Final = (services, inference, flow)
# Weights of causes at services, in calls and pictures: each stops the types it concerns, so that
# what waits for them counts first.
_ALIKE: Final = range(60, 75)


def rank(facts: Facts, about: Collection[str] = ()) -> list[Cause]:
    """Every cause that holds, the one that explains a standstill most directly first.

    Those with a weight of 50 and above stop inference of some type or of all; those below make it
    slower, or threaten it. `about`: for these task types, and what waits for them (empty: all).
    """
    # While the database fails its rows are stale: they may show that a process of ours is gone.
    families = _OURS if facts.failed("database") else (*_OURS, *_OTHERS)
    found = [cause for family in families for cause in family.find(facts)]
    if about:
        found = [cause for cause in found if cause.concerns(about)]

    def place(cause: Cause) -> tuple[int, int, int]:
        alike = cause.weight in _ALIKE
        first = _ALIKE.start if alike else cause.weight
        return -first, -_held_up(facts, cause, about) if alike else 0, -cause.weight

    return sorted(found, key=place)


def _held_up(facts: Facts, cause: Cause, about: Collection[str]) -> int:
    """Frames that wait, are in flight or failed, of the types it concerns that stand still."""
    return sum(
        one.waiting + one.leased + one.failures.count
        for one in facts.types
        if cause.concerns((one.name,)) and (not about or one.name in about) and facts.is_quiet(one)
    )
