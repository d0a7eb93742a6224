"""Texts of alarms of services: none takes work, some are offline, heartbeats are missing."""

from __future__ import annotations

from collections.abc import Sequence

from easyai.alarms.texts import paragraph, report
from easyai.diagnosis.causes.misspelt_folders import did_you_mean
from easyai.diagnosis.causes.service_words import unregister_command
from easyai.domain.reason import Reason
from easyai.health.facts import Facts
from easyai.health.liveness import api_gone
from easyai.health.snapshot import ServiceFacts, TypeFacts
from easyai.settings.commands import easyai_command


def no_algorithm(facts: Facts, task_type: TypeFacts) -> Reason:
    """Frames of a type wait, and no service may be given them."""
    question = did_you_mean(facts, task_type.name)
    return Reason.of(
        "alarm.no_algorithm",
        task_type=task_type.name,
        n=task_type.waiting,
        meant=Reason.of("alarm.meant", question=question) if question else None,
        command=report(facts) if question else _services_command(facts),
    )


def no_algorithm_of_many(facts: Facts, subjects: Sequence[str]) -> Reason:
    """Frames of many types wait, and no service may be given them."""
    return Reason.of(
        "alarm.no_algorithm_of_many",
        task_types=tuple(subjects),
        number=len(subjects),
        waiting=sum(task_type.waiting for task_type in facts.types if task_type.name in subjects),
        command=_services_command(facts),
    )


def no_algorithm_at_all(facts: Facts, taken_out: Sequence[Reason]) -> Reason:
    """No service of any type may be given frames; `taken_out`: which requests removed services."""
    known = len(facts.services)
    waiting = Reason.of("alarm.waiting", n=facts.waiting, of=None)
    headline = Reason.of(
        "alarm.no_algorithm_at_all",
        state=Reason.of("alarm.none_answers", registered=known)
        if known
        else Reason("alarm.none_registered"),
        held=waiting if facts.waiting else Reason("alarm.none_waits"),
    )
    why = () if known else taken_out
    return paragraph(headline, *why, Reason.of("alarm.run", run=report(facts)))


def service_offline(facts: Facts, service: ServiceFacts) -> Reason:
    """A service answers neither heartbeats nor probes."""
    return Reason.of(
        "alarm.service_offline",
        service_id=service.service_id,
        endpoint=service.endpoint,
        task_types=service.task_types,
        silent_sec=abs(facts.now - service.last_evidence),
        why=service.state_reason,
        command=unregister_command(facts, service),
    )


def heartbeats_missing(facts: Facts, silent: Sequence[ServiceFacts], living: int) -> Reason:
    """Heartbeats of living services are missing; `living` counts all living services."""
    number = len(silent)
    gone = facts.snapshot is not None and api_gone(facts, facts.snapshot)
    return Reason.of(
        "alarm.heartbeats_missing",
        n=number,
        living=living,
        silent_sec=facts.now - max(service.last_heartbeat for service in silent),
        service_ids=tuple(service.service_id for service in silent),
        where=Reason("alarm.no_api") if gone else _where_to_look(number, living),
        run=report(facts),
    )


def _where_to_look(number: int, living: int) -> Reason:
    """Where the fault probably is: `number` of `living` services send no heartbeats."""
    if number == living > 1:
        return Reason("alarm.all_silent")
    if 2 * number > living > 1:
        return Reason("alarm.most_silent")
    return Reason("alarm.few_silent")


def _services_command(facts: Facts) -> str:
    return easyai_command(facts.settings, "services", "--all")
