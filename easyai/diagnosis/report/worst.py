"""Shorten long lists in a report: the faulty rows, the worst first, and a count of the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from easyai.domain.reason import Reason
from easyai.domain.service import ServiceState
from easyai.health.facts import Facts
from easyai.health.snapshot import ServiceFacts, TypeFacts

MOST_ROWS: Final = 10


def worst_types(facts: Facts) -> list[TypeFacts]:
    """The task types that are not well: stalled types first, then by frames held up."""
    stalled = {task_type.name for task_type in facts.stalled}

    def place(task_type: TypeFacts) -> tuple[bool, int, int, str]:
        return (
            task_type.name not in stalled,
            -(task_type.waiting + task_type.leased),
            -task_type.failed,
            task_type.name,
        )

    unwell = [
        task_type
        for task_type in facts.types
        if task_type.name in stalled or _is_held_up(facts, task_type)
    ]
    return sorted(unwell, key=place)


def _is_held_up(facts: Facts, task_type: TypeFacts) -> bool:
    held = bool(task_type.waiting or task_type.leased)
    waited_sec = facts.now - task_type.oldest_wait_at if task_type.oldest_wait_at else 0.0
    late = waited_sec >= facts.settings.ai_analysis.stall_alarm_sec
    lost = task_type.parked or task_type.failed or task_type.lately.dropped
    return bool(lost) or late or (held and facts.is_quiet(task_type))


def further_types(some: Sequence[TypeFacts]) -> Reason:
    """The number of unwell types that the report leaves out, with their frames."""
    return Reason.of(
        "report.further_types",
        n=len(some),
        waiting=sum(task_type.waiting + task_type.leased for task_type in some),
        failed=sum(task_type.failed for task_type in some),
    )


def unwell_services(facts: Facts) -> list[ServiceFacts]:
    """The services that are not online, fail, do not answer, or whose breaker is not closed."""
    services = facts.snapshot.services if facts.snapshot else ()
    return [service for service in services if not _is_well(facts, service)]


def _is_well(facts: Facts, service: ServiceFacts) -> bool:
    if (
        service.state != ServiceState.ONLINE
        or service.breaker != "closed"
        or facts.is_silent(service)
    ):
        return False
    return not facts.probe(service) and not facts.is_failing(service)


def well_services(facts: Facts, unwell: Sequence[ServiceFacts]) -> Reason:
    """The number of healthy services, which the report does not list."""
    number = len(facts.snapshot.services if facts.snapshot else ()) - len(unwell)
    return Reason.of("report.well_services", n=number)
