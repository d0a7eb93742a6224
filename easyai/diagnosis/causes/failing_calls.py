"""Causes in the calls themselves: services live, but inference hangs or fails."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from textwrap import shorten
from typing import Final

from easyai.diagnosis.causes.cause import Cause, Remedy
from easyai.diagnosis.causes.failed import (
    blames_pictures,
    bring_back,
    failed_evidence,
    look_at_failed,
    only_failing,
)
from easyai.diagnosis.causes.service_words import (
    concerned,
    look_at_services,
    of_all,
    restart_hanging,
)
from easyai.domain.reason import NO_REASON, Reason
from easyai.domain.verdict import NOT_CONNECTED, TIMED_OUT
from easyai.health.facts import Facts
from easyai.health.liveness import calls_ran
from easyai.health.snapshot import ServiceFacts, TypeFacts
from easyai.settings.commands import easyai_command

_FEW: Final = 3
_LONGEST_REASON: Final = 100  # characters of each text in a reason
_SILENCE_SEC: Final = 10.0


def find(facts: Facts) -> Iterator[Cause]:
    """The causes in calls."""
    if facts.snapshot is None:
        return
    reached = [
        service
        for service in facts.services
        if facts.probe(service) == NO_REASON or not facts.is_silent(service)
    ]
    hanging = [service for service in reached if hangs(facts, service)]
    hung = {service.pk for service in hanging}
    failing = [service for service in reached if service.pk not in hung and _fails(facts, service)]
    held = {name for service in hanging for name in service.task_types}
    ended = only_failing(facts)
    # flow.py reports these.
    unfetched = {task_type.name for task_type in ended if blames_pictures(task_type)}
    refusing = [
        task_type
        for task_type in facts.types
        if (task_type in ended or _refuses(task_type)) and task_type.name not in held | unfetched
    ]
    if hanging:
        yield _hanging(facts, hanging)
    if failing or refusing:
        yield _failing(facts, failing, refusing)


def hangs(facts: Facts, service: ServiceFacts) -> bool:
    """Whether a service holds calls without answering them."""
    if facts.is_failing(service) and service.last_failure_reason.code == TIMED_OUT:
        return True
    if facts.answers_nothing(service) and not facts.is_busy(service):
        return not facts.is_silent(service)
    if not service.oldest_lease_at:
        return False
    analysis = facts.settings.ai_analysis
    patience = max(
        min(analysis.stall_alarm_sec, analysis.infer_timeout_sec) / 3,
        3 * (service.ewma_ms or 0.0) / 1000,
    )
    overdue_at = service.oldest_lease_at + patience
    if facts.now < overdue_at or service.last_success_at > service.oldest_lease_at:
        return False
    return calls_ran(facts, service.oldest_lease_at, overdue_at)


def _fails(facts: Facts, service: ServiceFacts) -> bool:
    code = service.last_failure_reason.code
    return facts.is_failing(service) and code not in (TIMED_OUT, NOT_CONNECTED)


def _refuses(task_type: TypeFacts) -> bool:
    recent = task_type.recent
    return recent.responses >= _FEW and recent.failures >= _FEW and not recent.successes


def _stopped(facts: Facts, some: Sequence[ServiceFacts]) -> set[str]:
    """The task types whose frames do not succeed because of these services."""
    types = {name for service in some for name in service.task_types}
    pks = {service.pk for service in some}
    # Frames in flight count: if there are few, no frame waits, and yet none succeeds.
    return {
        task_type.name
        for task_type in facts.types
        if task_type.name in types
        and (task_type.waiting or task_type.leased)
        and _gives_nothing(facts, task_type, pks)
    }


def _gives_nothing(facts: Facts, task_type: TypeFacts, pks: Collection[int]) -> bool:
    if not task_type.recent.successes or facts.is_quiet(task_type):
        return True
    own = [service for service in facts.services if task_type.name in service.task_types]
    newest = max((service.last_success_at for service in own), default=0.0)
    return all(service.pk in pks for service in own) and facts.now - newest >= _SILENCE_SEC


def _calls(facts: Facts, some: Sequence[ServiceFacts]) -> Iterator[Reason]:
    """The errors of services' last calls, if these failed, and the state of their breakers."""
    by_reason: dict[Reason, list[ServiceFacts]] = {}
    for service in some:
        # An older failure has been repaired: the service has answered since.
        if service.last_failure_reason and service.last_failure_at > service.last_success_at:
            by_reason.setdefault(service.last_failure_reason, []).append(service)
    for reason, own in list(by_reason.items())[:_FEW]:
        ago_sec = facts.now - max(service.last_failure_at for service in own)
        yield Reason.of("calls.last", services=_ids(own), ago_sec=ago_sec, reason=reason)
    opened = [service for service in some if service.breaker != "closed"]
    if opened:
        yield Reason.of("calls.breakers", services=_ids(opened))
    held = [service for service in some if service.oldest_lease_at]
    if held:
        oldest_sec = facts.now - min(service.oldest_lease_at for service in held)
        in_flight = sum(service.in_flight for service in held)
        yield Reason.of("calls.in_flight", n=in_flight, oldest_sec=oldest_sec)
    last = max(service.last_success_at for service in some)
    if last:
        yield Reason.of("calls.last_answer", at=last)


def _ids(some: Sequence[ServiceFacts]) -> tuple[str, ...]:
    return tuple(service.service_id for service in some)


def _hanging(facts: Facts, hanging: Sequence[ServiceFacts]) -> Cause:
    beats = [service for service in hanging if not facts.is_silent(service)]
    evidence, stopped = list(_calls(facts, hanging)), _stopped(facts, hanging)
    if beats:
        evidence.append(Reason.of("cause.inference_hangs.heartbeats", services=_ids(beats)))
    title = Reason.of(
        "cause.inference_hangs.title",
        n=len(hanging),
        who=of_all(facts, hanging),
        timeout_sec=facts.settings.ai_analysis.infer_timeout_sec,
        services=_ids(hanging),
    )
    return Cause(
        "inference_hangs",
        title,
        tuple(evidence),
        (
            restart_hanging(hanging),
            Remedy(
                Reason("cause.inference_hangs.slow"),
                easyai_command(facts.settings, "stats"),
            ),
            look_at_services(facts),
        ),
        weight=70 if stopped else 38,
        task_types=concerned(hanging, stopped),
    )


def _failing(facts: Facts, failing: Sequence[ServiceFacts], refusing: Sequence[TypeFacts]) -> Cause:
    refused = {task_type.name for task_type in refusing}
    stopped = refused | _stopped(facts, failing)
    own = failing or [service for service in facts.services if refused & set(service.task_types)]
    shown = only_failing(facts)
    ended = [task_type for task_type in refusing if task_type in shown]
    evidence = [*(_calls(facts, own) if own else ()), *_without_success(refusing)]
    if failing and facts.snapshot:
        evidence += [
            Reason.of("cause.inference_fails.wait_after", n=number, reason=reason)
            for reason, number in facts.snapshot.reasons
        ]
    who = _ids(failing) or tuple(task_type.name for task_type in refusing)
    return Cause(
        "inference_fails",
        _title(who, _newest_reason(own, ended)),
        (*failed_evidence(ended), *evidence),
        tuple(_failing_remedies(facts, failing, ended)),
        weight=67 if stopped else 33,
        task_types=tuple(sorted(stopped)) or concerned(failing, ()),
    )


def _without_success(refusing: Sequence[TypeFacts]) -> Iterator[Reason]:
    for task_type in list(filter(_refuses, refusing))[:_FEW]:
        yield Reason.of(
            "cause.inference_fails.no_success",
            task_type=task_type.name,
            n=task_type.recent.failures,
            recent_sec=task_type.recent_sec,
        )


def _title(who: tuple[str, ...], reason: Reason) -> Reason:
    """The title, with the reason: the short report leaves the evidence out."""
    if not reason:
        return Reason.of("cause.inference_fails.title", who=who)
    short = reason.quoting(lambda quoted: shorten(quoted, _LONGEST_REASON, placeholder="…"))
    return Reason.of("cause.inference_fails.title_with_reason", who=who, reason=short)


def _newest_reason(some: Sequence[ServiceFacts], ended: Sequence[TypeFacts]) -> Reason:
    """The reason of the newest failed call, else the most frequent reason of failed frames."""
    failed = [service for service in some if service.last_failure_at > service.last_success_at]
    newest = max(failed, key=lambda service: service.last_failure_at, default=None)
    noted = (
        reason
        for task_type in ended
        for reason, _ in (*task_type.failures.reasons, *task_type.refusals.reasons)
    )
    return (newest.last_failure_reason if newest else NO_REASON) or next(noted, NO_REASON)


def _failing_remedies(
    facts: Facts, failing: Sequence[ServiceFacts], ended: Sequence[TypeFacts]
) -> Iterator[Remedy]:
    yield from look_at_failed(facts, ended)
    if ended or any(service.last_failure_reason for service in failing):
        yield Remedy(Reason("cause.inference_fails.of_service"))
    else:
        yield Remedy(Reason("cause.inference_fails.look_at_log"))
    others = [task_type for task_type in facts.types if task_type.failed and task_type not in ended]
    yield from bring_back(facts, [*ended, *others])
    yield look_at_services(facts)
