"""What proves that a service lives, or that nothing answers at its endpoint."""

from __future__ import annotations

from typing import Final

from easyai.domain.service import ROUTABLE
from easyai.domain.verdict import NOT_CONNECTED
from easyai.health.facts import Facts
from easyai.health.snapshot import CLOCK_SLACK_SEC, ServiceFacts
from easyai.registry.watch import WATCHED_SINCE

# A sweep probes an idle service within seconds after its last evidence becomes too old. If no sweep
# ran for longer than this, nothing is known of the service any more (registry/watch.py).
_SWEEP_SEC: Final = 20.0


def is_refused(facts: Facts, service: ServiceFacts) -> bool:
    """Whether its last call could not connect, and the service was not probed now."""
    refused = service.last_failure_reason.code == NOT_CONNECTED
    return refused and facts.is_failing(service) and not facts.was_probed(service)


def lives_without_heartbeats(facts: Facts, service: ServiceFacts) -> bool:
    """Whether a service is proven to live although its heartbeats are overdue.

    The proof is a probe or a frame answered after the heartbeat became overdue. An earlier answer
    is no proof: a service that died when its heartbeats stopped has answered before, too. While an
    alarm for missing heartbeats rings, a time when we could not listen does not end it.
    """
    if not facts.is_silent(service):
        return False
    if not (facts.has_heartbeat_alarm(service) or _listened_long_enough(facts, service)):
        return False
    answer = facts.probe(service)
    if facts.was_probed(service) and not answer:
        return True
    lived_at = max(service.last_evidence, service.last_success_at)
    if lived_at <= service.last_heartbeat + service.heartbeat_timeout_sec:
        return False
    if abs(facts.now - lived_at) > service.heartbeat_timeout_sec + _SWEEP_SEC:
        return False
    answers = not answer or facts.is_busy(service)
    in_use = service.state in ROUTABLE and service.breaker == "closed"
    return answers and in_use and not is_refused(facts, service)


def _listened_long_enough(facts: Facts, service: ServiceFacts) -> bool:
    """Whether we have listened for as long as a heartbeat may take.

    A restarted API has missed heartbeats. Every API misses heartbeats while the database is away
    or none of our processes runs. If no API runs, that is a cause of its own. An API that restarts
    again and again postpones the answer only once.
    """
    snapshot, allowed_sec = facts.snapshot, service.heartbeat_timeout_sec
    if snapshot is None:
        return False
    beat_at = _past(facts, service.last_heartbeat)
    apis = [_past(facts, process.started_at) for process in snapshot.working("api", facts.now)]
    listens_since = min(min(apis, default=0.0), beat_at + allowed_sec)
    watched = snapshot.process_leases.get(WATCHED_SINCE)
    watched_since = _past(facts, watched.done_at) if watched else 0.0
    return facts.now - max(beat_at, listens_since, watched_since) > allowed_sec


def _past(facts: Facts, moment: float) -> float:
    """The moment; 0 if it lies in the future, because the clock was set back since."""
    return moment if moment <= facts.now + CLOCK_SLACK_SEC else 0.0


def heartbeats_arrive(facts: Facts, service: ServiceFacts) -> bool:
    """Whether the service's heartbeats arrive and it is in use."""
    return service.state in ROUTABLE and not facts.is_silent(service)
