"""Why frames are not inferred: every cause that the facts show, most likely first."""

from __future__ import annotations

from typing import Final

from easyai.health.causes import flow, inference, ours, processes, services
from easyai.health.causes.cause import Cause
from easyai.health.facts import Facts

_OURS: Final = (ours, processes)
_OTHERS: Final = (services, inference, flow)


def rank(facts: Facts) -> list[Cause]:
    """Every cause that holds, the one that explains a standstill most directly first.

    Those with a weight of 50 and above stop inference of some type or of all; those below make it
    slower, or threaten it.
    """
    # While the database fails its rows are stale: they may show that a process of ours is gone.
    families = _OURS if facts.failed("database") else (*_OURS, *_OTHERS)
    found = [cause for family in families for cause in family.find(facts)]
    return sorted(found, key=lambda cause: -cause.weight)
