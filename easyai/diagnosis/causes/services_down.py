"""Causes at the algorithm services: dead, unreachable, missing."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence

from easyai.diagnosis.causes.cause import Cause, Remedy
from easyai.diagnosis.causes.endpoint_on_this_server import named_this_server, register_own_address
from easyai.diagnosis.causes.failing_calls import hangs
from easyai.diagnosis.causes.heartbeat_pace import short_timeout
from easyai.diagnosis.causes.heartbeats_lost import services_without_heartbeats
from easyai.diagnosis.causes.moved import moved_services
from easyai.diagnosis.causes.no_service import missing_services, no_services
from easyai.diagnosis.causes.proof_of_life import is_refused, lives_without_heartbeats
from easyai.diagnosis.causes.service_words import (
    answers,
    concerned,
    curl_all,
    last_heartbeats,
    look_at_services,
    of_all,
    ports_command,
    service_ids,
    start_again,
    without_service,
)
from easyai.domain.reason import Reason
from easyai.domain.service import ROUTABLE, outlives
from easyai.health.facts import Facts
from easyai.health.snapshot import ServiceFacts, TypeFacts


def find(facts: Facts) -> Iterator[Cause]:
    """The causes at services."""
    if facts.snapshot is None:
        return
    gone = {service.pk: service for service in facts.services if _is_gone(facts, service)}
    answered = sorted(service.last_success_at for service in gone.values())
    alive = {service.pk for service in gone.values() if _sends_heartbeats(facts, service, answered)}
    unreached = [service for service in gone.values() if service.pk in alive]
    died = [service for service in gone.values() if service.pk not in alive]
    others = [service for service in facts.services if service.pk not in gone]
    rare = [service for service in others if facts.pace_sec(service)]
    late = [service for service in others if lives_without_heartbeats(facts, service)]
    silent = [service for service in late if service not in rare]
    # Judged together: the other services of a type may not work either.
    stopped = _stopped(facts, gone)
    more_died = len(died) >= len(unreached)
    if died:
        yield _died(facts, died, stopped, 72 if more_died else 70)
    if silent:
        yield services_without_heartbeats(facts, silent)
    if rare:
        yield short_timeout(facts, rare)
    if unreached:
        yield _unreached(facts, unreached, stopped, 70 if more_died else 72)
    if facts.moved:
        yield moved_services(facts)
    missing = [task_type for task_type in facts.types if _has_no_service(facts, task_type)]
    if missing:
        yield missing_services(facts, missing)
    elif not facts.services and (facts.snapshot.services or facts.types):
        yield no_services(facts)


def _is_gone(facts: Facts, service: ServiceFacts) -> bool:
    """Whether nothing answers at its endpoint: by a probe or, without a probe, by its last call."""
    if facts.is_busy(service) or (not facts.is_silent(service) and hangs(facts, service)):
        return False
    return bool(facts.probe(service)) or is_refused(facts, service)


def _sends_heartbeats(facts: Facts, service: ServiceFacts, answered: Sequence[float]) -> bool:
    """Whether heartbeats arrive, and the last came after calls began to fail.

    `answered`: when each of the gone services last answered, in order.
    """
    if facts.is_silent(service):
        return False
    if service.last_failure_at <= service.last_success_at:
        return True  # no failed call shows when the service died
    # Of services that died together, some answered last and others sent the last heartbeat.
    until = service.last_success_at + service.heartbeat_timeout_sec
    fell_at = answered[bisect_right(answered, until) - 1]
    return outlives(service.last_heartbeat, fell_at)


def _has_no_service(facts: Facts, task_type: TypeFacts) -> bool:
    """Whether frames wait, and no registered service could ever take them."""
    return bool(task_type.waiting) and not any(
        task_type.name in service.task_types for service in facts.services
    )


def _stopped(facts: Facts, gone: Mapping[int, ServiceFacts]) -> set[str]:
    """The task types of these services for which no other service takes work."""
    at_work = {
        name
        for service in facts.services
        if service.pk not in gone and _takes_work(facts, service)
        for name in service.task_types
    }
    return {name for service in gone.values() for name in service.task_types} - at_work


def _takes_work(facts: Facts, service: ServiceFacts) -> bool:
    if service.state not in ROUTABLE or hangs(facts, service):
        return False
    return service.breaker == "closed" or not facts.is_failing(service)


def _died(facts: Facts, died: Sequence[ServiceFacts], stopped: set[str], weight: int) -> Cause:
    types = concerned(died, stopped)
    return Cause(
        "services_died",
        _died_title(facts, died),
        _evidence(facts, died),
        (
            Remedy(Reason("remedy.look_whether_services_run"), ports_command(died)),
            Remedy(Reason("remedy.start_services")),
            _ask_from_here(died),
            look_at_services(facts),
        ),
        weight=weight if stopped.issuperset(types) else 36,
        task_types=types,
    )


def _died_title(facts: Facts, died: Sequence[ServiceFacts]) -> Reason:
    silent = all(facts.is_silent(service) for service in died)
    beats = Reason("heartbeats.stopped" if silent else "heartbeats.none_since_answer")
    who, services = of_all(facts, died), service_ids(died)
    if all(facts.answers_nothing(service) for service in died):
        # A process holds the port: it is suspended, or it hangs and its heartbeats with it.
        return Reason.of(
            "cause.services_died.hang", n=len(died), who=who, heartbeats=beats, services=services
        )
    return Reason.of(
        "cause.services_died.title", n=len(died), who=who, heartbeats=beats, services=services
    )


def _unreached(
    facts: Facts, unreached: Sequence[ServiceFacts], stopped: set[str], weight: int
) -> Cause:
    types = concerned(unreached, stopped)
    title = Reason.of(
        "cause.endpoint_unreachable.title",
        n=len(unreached),
        who=of_all(facts, unreached),
        services=service_ids(unreached),
    )
    return Cause(
        "endpoint_unreachable",
        title,
        _evidence(facts, unreached, *named_this_server(unreached)),
        (
            *register_own_address(unreached),
            start_again(unreached),
            _ask_from_here(unreached),
            Remedy(Reason("remedy.register_new_address")),
            look_at_services(facts),
        ),
        weight=weight if stopped.issuperset(types) else 35,
        task_types=types,
    )


def _evidence(facts: Facts, gone: Sequence[ServiceFacts], *more: Reason) -> tuple[Reason, ...]:
    evidence = (last_heartbeats(facts, gone), answers(facts, gone), *more, *without_service(facts))
    return tuple(evidence)


def _ask_from_here(some: Sequence[ServiceFacts]) -> Remedy:
    return Remedy(Reason("remedy.ask_from_here"), curl_all(some))
