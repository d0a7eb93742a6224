"""Conditions of algorithm services: none takes work, some are offline, heartbeats are missing."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from easyai.alarms import texts_of_services as texts
from easyai.alarms.texts import paragraph
from easyai.alarms.timings import Timings
from easyai.diagnosis.causes.heartbeat_pace import short_timeout
from easyai.diagnosis.causes.no_service import taken_out
from easyai.diagnosis.causes.proof_of_life import heartbeats_arrive, lives_without_heartbeats
from easyai.diagnosis.causes.rank import Ranking
from easyai.domain.alarm import AlarmKind, Condition, Ringing
from easyai.domain.alarm_cause import found_cause
from easyai.domain.reason import Reason
from easyai.domain.service import ROUTABLE, ServiceState
from easyai.health.facts import Facts
from easyai.health.liveness import api_gone
from easyai.health.snapshot import ServiceFacts

_MANY_SERVICES: Final = 3
_NO_SERVICE: Final = "no_service"
#: The causes for which services are away.
SERVICES_AWAY: Final = (
    "services_died",
    "heartbeats_not_arriving",
    "endpoint_unreachable",
    _NO_SERVICE,
)


def of_services(
    facts: Facts, causes: Ranking, ringing: Ringing, timings: Timings
) -> Iterator[Condition]:
    """Every condition of services that holds; a ringing alarm goes on under its name."""
    yield from _no_algorithm(facts, causes, timings.no_service_grace_sec)
    yield from _offline(facts, timings.offline_grace_sec)
    yield from _heartbeats(facts, ringing, timings)


def served(facts: Facts) -> set[str]:
    """The task types that some service may be given."""
    routable = [service for service in facts.services if service.state in ROUTABLE]
    return {name for service in routable for name in service.task_types}


def _no_algorithm(facts: Facts, causes: Ranking, grace_sec: float) -> Iterator[Condition]:
    taken = served(facts)
    # A fresh installation, where nothing was ever known, misses no service.
    known = bool(facts.snapshot and facts.snapshot.services)
    if not taken and (known or facts.types):
        cause = _cause(causes)
        requests = list(taken_out(facts)) if known else []
        reason = texts.no_algorithm_at_all(facts, requests)
        yield Condition(AlarmKind.NO_ALGORITHM, "", cause, reason, grace_sec)
    for task_type in facts.types:
        if task_type.waiting and task_type.name not in taken:
            # Either every service of the type is offline, or the type has no service.
            offline = any(task_type.name in service.task_types for service in facts.services)
            cause = _cause(causes, (task_type.name,)) if offline else found_cause(_NO_SERVICE)
            reason = texts.no_algorithm(facts, task_type)
            yield Condition(AlarmKind.NO_ALGORITHM, task_type.name, cause, reason, grace_sec)


def _cause(causes: Ranking, about: Collection[str] = ()) -> Reason:
    codes = (cause.code for cause in causes.about(about))
    return found_cause(next((code for code in codes if code in SERVICES_AWAY), _NO_SERVICE))


def _offline(facts: Facts, grace_sec: float) -> Iterator[Condition]:
    for service in facts.services:
        if service.state == ServiceState.OFFLINE:
            reason = texts.service_offline(facts, service)
            yield Condition(
                AlarmKind.SERVICE_OFFLINE, service.endpoint, service.state_reason, reason, grace_sec
            )


def _heartbeats(facts: Facts, ringing: Ringing, timings: Timings) -> Iterator[Condition]:
    """Missing heartbeats of living services: inference goes on, but their way to us is broken.

    Three services that do not reach us have the same fault, however many others do: a firewall
    lets through the services on this machine. With fewer than three, each service has its own
    alarm, later, which goes on under its name. The alarm for many services goes on until the rest
    of them send heartbeats or have alarms of their own.
    """
    named = {subject for kind, subject in ringing if kind == AlarmKind.HEARTBEATS_MISSING}
    rare = [
        service
        for service in facts.services
        if facts.pace_sec(service) and service.state in ROUTABLE
    ]
    for service in rare:
        # The alarms of all these services have the same text, so a message shows it once.
        cause = short_timeout(facts, rare)
        reason = paragraph(cause.title, cause.remedies[0].text)
        kind, grace_sec = AlarmKind.HEARTBEATS_MISSING, timings.all_silent_grace_sec
        yield Condition(kind, service.endpoint, found_cause(cause.code), reason, grace_sec)
    late = [service for service in facts.services if lives_without_heartbeats(facts, service)]
    silent = [service for service in late if service not in rare]
    living = len(silent) + sum(heartbeats_arrive(facts, service) for service in facts.services)
    many = len(silent) >= _MANY_SERVICES or (len(silent) > 1 and 2 * len(silent) > living)
    left = "" in named and any(service.endpoint not in named for service in silent)
    if many or left:
        some = len(silent) < living
        grace_sec = timings.heartbeats_grace_sec if some else timings.all_silent_grace_sec
        yield _missing("", silent, facts, living, grace_sec)
    # After a repair, heartbeats return service by service; a service still silent then stays away.
    later = "" in named
    grace_sec = timings.heartbeats_grace_sec if later else timings.few_heartbeats_grace_sec
    for service in silent:
        if not many or service.endpoint in named:
            yield _missing(service.endpoint, [service], facts, living, grace_sec)


def _missing(
    subject: str, silent: Sequence[ServiceFacts], facts: Facts, living: int, grace_sec: float
) -> Condition:
    reason = texts.heartbeats_missing(facts, silent, living)
    gone = facts.snapshot is not None and api_gone(facts, facts.snapshot)
    cause = found_cause("api_gone" if gone else "heartbeats_not_arriving")
    return Condition(AlarmKind.HEARTBEATS_MISSING, subject, cause, reason, grace_sec)
