"""Why frames are not inferred: every cause that the facts show, most likely first."""

from __future__ import annotations

import logging
from collections.abc import Collection
from functools import cached_property
from typing import Final

from easyai.diagnosis.causes import (
    clocks_off,
    contested,
    dependency_causes,
    failing_calls,
    flow,
    own_processes,
    services_down,
    settings_file,
    types_full,
)
from easyai.diagnosis.causes.cause import Cause
from easyai.health.facts import Facts

log = logging.getLogger(__name__)

_OURS: Final = (settings_file, dependency_causes, own_processes, clocks_off)
_OTHERS: Final = (services_down, contested, failing_calls, flow, types_full)
# Weights of causes at services, in calls and pictures. Each of them stops the types it concerns, so
# the number of frames held up ranks them first.
_ALIKE: Final = range(60, 75)


def rank(facts: Facts) -> list[Cause]:
    """Every cause that holds, ordered by how directly it explains a standstill.

    Causes with a weight of 50 and above stop inference of some or all types. Causes below 50 slow
    inference down or threaten it. Weight 0 is a remark: all is well beside it.
    """
    return Ranking(facts).about()


class Ranking:
    """Every cause that holds; it looks for them once, on first use."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    @cached_property
    def _found(self) -> list[Cause]:
        facts = self._facts
        # While the database fails, its rows are stale. They can still show that a process is gone.
        families = _OURS if facts.failed("database") else (*_OURS, *_OTHERS)
        causes: list[Cause] = []
        for family in families:
            try:
                causes += family.find(facts)
            except Exception:
                # An error in a family, or a missing working folder, must not silence every alarm.
                log.exception("causes not looked for: %s", family.__name__)
        return causes

    def about(self, names: Collection[str] = ()) -> list[Cause]:
        """The causes for these task types (empty: all causes), ranked with frames held up."""

        def place(cause: Cause) -> tuple[int, int, int]:
            alike = cause.weight in _ALIKE
            first = _ALIKE.start if alike else cause.weight
            return -first, -_held_up(self._facts, cause, names) if alike else 0, -cause.weight

        return sorted(
            (candidate for candidate in self._found if not names or candidate.concerns(names)),
            key=place,
        )


def _held_up(facts: Facts, cause: Cause, about: Collection[str]) -> int:
    """The waiting, leased and failed frames of the quiet types that the cause concerns."""
    return sum(
        task_type.waiting + task_type.leased + task_type.failures.count
        for task_type in facts.types
        if cause.concerns((task_type.name,))
        and (not about or task_type.name in about)
        and facts.is_quiet(task_type)
    )
