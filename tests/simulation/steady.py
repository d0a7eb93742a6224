"""Cameras that write while a picture waits on which services break: others show they are fine."""

from __future__ import annotations

from collections.abc import Callable

from tests.simulation.cameras import CameraPlan
from tests.simulation.plan import TRIPWIRE, Plan

_PERIOD_SEC = 3.0
# With a state per camera each camera has a fixed service: enough cameras for all services.
_WITH_STATE = 6


def steady_cameras(plan: Plan, type_limit: Callable[[str], int | None]) -> list[CameraPlan]:
    """The cameras that come at the end of a run, for each type with such a picture."""
    types = sorted({camera.task_type for camera in plan.cameras if camera.poisons})
    names = [name for name in types for _ in range(_count(name))]
    # All together half of the places of the installation.
    slowest_sec = max((service.latency for service in plan.services), default=0.0)
    least_sec = 2 * len(names) * slowest_sec / plan.settings["max_concurrent_infer"]
    return [
        CameraPlan(
            name=f"steady{number}",
            task_type=name,
            habit="rename",
            start=0.0,
            period=max(least_sec, _period_sec(plan, name, type_limit(name))),
            count=400,  # longer than any run
        )
        for number, name in enumerate(names)
    ]


def _count(task_type: str) -> int:
    return _WITH_STATE if task_type == TRIPWIRE else 1


def _period_sec(plan: Plan, task_type: str, type_limit: int | None) -> float:
    """A period in which all cameras need half of the slowest service, should they go there.

    More would be a backlog of our own making, in which pictures wait for longer and longer.
    """
    cameras = _count(task_type)
    takes_sec = [
        service.latency / min(service.limit or cameras, type_limit or cameras, cameras)
        for service in plan.services
        if task_type in service.task_types
    ]
    return max(_PERIOD_SEC, 2 * cameras * max(takes_sec, default=0.0))
