"""The report on task types that stand still: which types, since when, what waits."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from easyai.domain.reason import Reason
from easyai.domain.service import ROUTABLE
from easyai.health.facts import Facts
from easyai.health.failing import failed_frames
from easyai.health.snapshot import ServiceFacts, TypeFacts

KEPT: Final = Reason("stalled.kept")
_KEPT_FAILED: Final = Reason("stalled.failed_kept")


def unstopped(facts: Facts, stopped: Collection[str], since: float) -> list[TypeFacts]:
    """The other task types that succeed, or have no waiting frames and a service that works.

    `stopped`: the names of the types that stand still; `since`: when they stopped. A service that
    also serves a stopped type is no evidence for an idle type.
    """
    at_work = {
        name
        for service in facts.services
        if _works(facts, service) and not set(service.task_types).intersection(stopped)
        for name in service.task_types
    }
    return [
        task_type
        for task_type in facts.types
        if task_type.name not in stopped
        and (
            task_type.waiting
            or task_type.leased
            or task_type.last_success_at > since
            or task_type.name in at_work
        )
    ]


def _works(facts: Facts, service: ServiceFacts) -> bool:
    answers = not facts.probe(service) or facts.is_busy(service)
    return answers and service.state in ROUTABLE and not facts.is_failing(service)


def standing_lines(facts: Facts) -> list[Reason]:
    """The lines of the symptom while types stand still, the headline first."""
    stalled = facts.stalled
    unserved = _unserved(facts) if _part_of(facts, stalled) else []
    rest = [task_type for task_type in stalled if task_type not in unserved]
    failing = [task_type for task_type in stalled if facts.owes_failed(task_type)]
    lines = [_headline(facts, rest)] if rest else []
    if unserved:
        lines.append(_without_service(facts, unserved))
    lines.append(_last_success(facts, stalled))
    if failing:
        lines.append(_KEPT_FAILED)
    if _waiting(stalled):
        lines.append(KEPT)
    return lines


def type_line(facts: Facts, task_type: TypeFacts) -> Reason:
    """The line about a single type that stands still."""
    if _is_unserved(facts, task_type):
        return _without_service(facts, [task_type])
    began, held = since(facts, [task_type]), _held(facts, [task_type])
    names, lasted_sec = (task_type.name,), facts.now - began
    return Reason.of(
        "stalled.some", task_types=names, since=began, lasted_sec=lasted_sec, held=held
    )


def since(facts: Facts, some: Sequence[TypeFacts]) -> float:
    """Since when the first of these types has stood still."""
    return min(facts.stalled_since(task_type) for task_type in some)


def _part_of(facts: Facts, stalled: Sequence[TypeFacts]) -> bool:
    """Whether other types go on, or the stalled types stand still for different reasons."""
    stopped = {task_type.name for task_type in stalled}
    served = any(_has_service(facts, task_type) for task_type in stalled)
    return served or bool(unstopped(facts, stopped, since(facts, stalled)))


def _unserved(facts: Facts) -> list[TypeFacts]:
    return [task_type for task_type in facts.stalled if _is_unserved(facts, task_type)]


def _is_unserved(facts: Facts, task_type: TypeFacts) -> bool:
    return bool(task_type.waiting) and not _has_service(facts, task_type)


def _has_service(facts: Facts, task_type: TypeFacts) -> bool:
    return any(task_type.name in service.task_types for service in facts.services)


def _headline(facts: Facts, stalled: Sequence[TypeFacts]) -> Reason:
    began, held = since(facts, stalled), _held(facts, stalled)
    lasted_sec = facts.now - began
    stopped = {task_type.name for task_type in stalled}
    if not unstopped(facts, stopped, began):
        return Reason.of("stalled.all", since=began, lasted_sec=lasted_sec, held=held)
    task_types = tuple(sorted(stopped))
    return Reason.of(
        "stalled.some", task_types=task_types, since=began, lasted_sec=lasted_sec, held=held
    )


def _without_service(facts: Facts, unserved: Sequence[TypeFacts]) -> Reason:
    """No registered service takes these types; inference of other types may go on."""
    began = since(facts, unserved)
    return Reason.of(
        "stalled.no_service",
        task_types=tuple(task_type.name for task_type in unserved),
        n=_waiting(unserved),
        since=began,
        lasted_sec=facts.now - began,
    )


def _last_success(facts: Facts, stalled: Sequence[TypeFacts]) -> Reason:
    last = max(task_type.last_success_at for task_type in stalled)
    if not last:
        return Reason.of("stalled.no_success", now=facts.now)
    return Reason.of("stalled.last_success", at=last, now=facts.now)


def _waiting(some: Sequence[TypeFacts]) -> int:
    return sum(task_type.waiting + task_type.leased for task_type in some)


def _held(facts: Facts, stalled: Sequence[TypeFacts]) -> Reason:
    """The frames without a success: they wait, are in flight, or failed."""
    failing = [task_type for task_type in stalled if facts.owes_failed(task_type)]
    waiting, failed = _waiting(stalled), failed_frames(failing)
    if not failing:
        return Reason.of("stalled.waiting", waiting=waiting)
    if not waiting:
        return Reason.of("stalled.failed", failed=failed)
    return Reason.of("stalled.failed_and_waiting", failed=failed, waiting=waiting)
