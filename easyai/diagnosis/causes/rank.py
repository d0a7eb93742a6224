"""Why frames are not inferred: every cause that the facts show, most likely first."""

from __future__ import annotations

import logging
from collections.abc import Collection
from functools import cached_property
from typing import Final

from easyai.diagnosis.causes import (
    clocks,
    contested,
    flow,
    inference,
    ours,
    processes,
    services,
    settings_file,
    types_full,
)
from easyai.diagnosis.causes.cause import Cause
from easyai.health.facts import Facts

log = logging.getLogger(__name__)

_OURS: Final = (settings_file, ours, processes, clocks)
_OTHERS: Final = (services, contested, inference, flow, types_full)
# Weights of causes at services, in calls and pictures: each stops the types it concerns, so that
# what waits for them counts first.
_ALIKE: Final = range(60, 75)


def rank(facts: Facts) -> list[Cause]:
    """Every cause that holds, the one that explains a standstill most directly first.

    Those with a weight of 50 and above stop inference of some type or of all; those below make it
    slower, or threaten it.
    """
    return Ranking(facts).about()


class Ranking:
    """Every cause that holds, looked for once and when first asked for."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    @cached_property
    def _found(self) -> list[Cause]:
        facts = self._facts
        # While the database fails its rows are stale: they may show that a process is gone.
        families = _OURS if facts.failed("database") else (*_OURS, *_OTHERS)
        causes: list[Cause] = []
        for family in families:
            try:
                causes += family.find(facts)
            except Exception:
                # A defect in one, or its working folder gone, must not silence every alarm.
                log.exception("causes not looked for: %s", family.__name__)
        return causes

    def about(self, names: Collection[str] = ()) -> list[Cause]:
        """Those that concern these task types, by what waits for them (empty: of all)."""

        def place(cause: Cause) -> tuple[int, int, int]:
            alike = cause.weight in _ALIKE
            first = _ALIKE.start if alike else cause.weight
            return -first, -_held_up(self._facts, cause, names) if alike else 0, -cause.weight

        return sorted(
            (other for other in self._found if not names or other.concerns(names)), key=place
        )


def _held_up(facts: Facts, cause: Cause, about: Collection[str]) -> int:
    """Frames that wait, are in flight or failed, of the types it concerns that stand still."""
    return sum(
        task_type.waiting + task_type.leased + task_type.failures.count
        for task_type in facts.types
        if cause.concerns((task_type.name,))
        and (not about or task_type.name in about)
        and facts.is_quiet(task_type)
    )
