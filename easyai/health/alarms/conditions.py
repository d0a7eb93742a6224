"""What is wrong now: from an observation to the conditions of alarms, and which could be judged."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from easyai.domain.alarm import Condition, Key, Kind
from easyai.domain.service import ROUTABLE, ServiceState
from easyai.health.alarms import words
from easyai.health.causes.cause import Cause
from easyai.health.causes.rank import rank
from easyai.health.observation import Observation
from easyai.health.progress import Standstill

# Frames wait for a moment when a service restarts; that is no outage.
_NO_SERVICE_GRACE_SEC: Final = 10.0
_CHECK_GRACE_SEC: Final = 10.0
# Services that died together are found dead by sweeps 5 s apart at most: one message.
_OFFLINE_GRACE_SEC: Final = 4.0
# Services that died together are silent first, and found dead by two sweeps 5 s apart.
_HEARTBEATS_GRACE_SEC: Final = 15.0
_MANY_SERVICES: Final = 3  # fewer that fall silent together do not point at us
# A number that has passed its limit must fall well below it: no flapping around the limit.
_WELL_BELOW: Final = 0.8
_STOPS_INFERENCE: Final = 50  # a cause's weight
_FEWEST: Final = 10  # frames; a rate of fewer tells nothing
_FEW: Final = 3  # calls; a mean of fewer is one call's mood
#: The head of the outbox: a bus that works takes it within seconds.
_OUTBOX_STILL_SEC: Final = 30.0
_SERVICES_AWAY: Final = (
    "services_died",
    "heartbeats_not_arriving",
    "endpoint_unreachable",
    "no_service",
)

_FROM_CHECKS: Final = {
    Kind.STORE_DOWN: "store",
    Kind.BUS_DOWN: "bus",
    Kind.DISK_LOW: "disk",
}
_FROM_DATABASE: Final = (
    Kind.NO_ALGORITHM,
    Kind.QUEUE_BACKLOG,
    Kind.HIGH_DROP_RATE,
    Kind.SLOW_INFERENCE,
    Kind.SERVICE_OFFLINE,
    Kind.HEARTBEATS_MISSING,
)


@dataclass(frozen=True, slots=True)
class Judged:
    """What holds, and the kinds of which anything could be said."""

    conditions: tuple[Condition, ...]
    kinds: frozenset[str]


def judge(
    seen: Observation,
    standstill: Standstill | None,
    ringing: Collection[Key],
    outbox_still_sec: float = 0.0,
) -> Judged:
    """Every condition that holds; `ringing` are the alarms whose numbers must fall well below.

    `outbox_still_sec`: for how long the bus has acknowledged none of the alerts that wait for it.
    """
    conditions = [*_stalled(seen, standstill, ringing), *_outbox(seen, outbox_still_sec)]
    kinds: set[str] = {Kind.INFERENCE_STALLED}
    for kind, check in _FROM_CHECKS.items():
        # A check that is made no more (the bus was switched off) is no reason to ring for ever.
        kinds.add(kind)
        result = seen.facts.checks.get(check)
        if result is not None and result.reason:
            said = words.check_failed(kind, result, seen.facts)
            conditions.append(Condition(kind, "", result.reason, said, _CHECK_GRACE_SEC))
    if seen.facts.known is not None:
        kinds.update(_FROM_DATABASE)
        for find in _FINDERS:
            conditions += find(seen, ringing)
    return Judged(tuple(conditions), frozenset(kinds))


def _stalled(
    seen: Observation, standstill: Standstill | None, ringing: Collection[Key]
) -> Iterator[Condition]:
    if standstill is None:
        return
    cause = _stopping(seen)
    for subject in _subjects(seen, standstill, ringing):
        yield Condition(
            Kind.INFERENCE_STALLED,
            subject,
            cause.code if cause else "",
            words.inference_stalled(seen.facts, standstill, subject, cause),
            lasted_sec=standstill.lasted_sec,
            explains=True,
        )


def _subjects(seen: Observation, still: Standstill, ringing: Collection[Key]) -> Iterable[str]:
    """Whom the alarm names, '' for all: what rings goes on under its name, so nothing flaps."""
    rings = {subject for kind, subject in ringing if kind == Kind.INFERENCE_STALLED}
    if still.blind:
        return ("", *sorted(rings - {""}))
    served = _served(seen)
    # Where others are served, one without any service is told of as no_algorithm.
    named = {name for name in still.types if not served or name in served}
    if "" in rings:
        return ("",) if named or still.everything else ()
    if still.everything and named and not rings:
        return ("",)
    return sorted(named | (rings & set(still.types)))


def _served(seen: Observation) -> set[str]:
    """The task types that some service may be given."""
    routable = [one for one in seen.facts.services if one.state in ROUTABLE]
    return {name for one in routable for name in one.task_types}


def _stopping(seen: Observation) -> Cause | None:
    """What stops inference most likely; other causes make it slower, or threaten it."""
    found = [cause for cause in rank(seen.facts) if cause.weight >= _STOPS_INFERENCE]
    return found[0] if found else None


def _outbox(seen: Observation, still_sec: float) -> Iterator[Condition]:
    """The bus answers, but alerts do not get through: one that refuses them, or a topic gone."""
    facts = seen.facts
    ours = facts.failed("bus") or facts.failed("broker") or facts.failed("database")
    known = facts.known
    if known is None or ours or still_sec < _OUTBOX_STILL_SEC:
        return
    if facts.settings.ai_analysis.has_bus and known.working("worker", facts.now):
        said = words.outbox(facts, known.outbox, still_sec)
        yield Condition(Kind.BUS_DOWN, "", "alerts wait, none is acknowledged", said)


def _no_algorithm(seen: Observation, ringing: Collection[Key]) -> Iterator[Condition]:
    facts, served = seen.facts, _served(seen)
    if not served and (facts.services or facts.waiting):
        cause = _of_services(seen)
        said = words.no_algorithm_at_all(facts)
        yield Condition(Kind.NO_ALGORITHM, "", cause, said, _NO_SERVICE_GRACE_SEC)
    for one in facts.types:
        if one.waiting and one.name not in served:
            # A service of the type that is offline, or none at all.
            offline = any(one.name in service.task_types for service in facts.services)
            cause = _of_services(seen) if offline else "no_service"
            said = words.no_algorithm(facts, one)
            yield Condition(Kind.NO_ALGORITHM, one.name, cause, said, _NO_SERVICE_GRACE_SEC)


def _of_services(seen: Observation) -> str:
    found = (cause.code for cause in rank(seen.facts))
    return next((code for code in found if code in _SERVICES_AWAY), "no_service")


def _backlog(seen: Observation, ringing: Collection[Key]) -> Iterator[Condition]:
    facts = seen.facts
    most = facts.settings.ai_analysis.max_queue_size
    # Parked frames wait for a service, not in a queue that is too long.
    waiting = sum(one.pending for one in facts.types)
    if most and waiting > _limit(most, (Kind.QUEUE_BACKLOG, ""), ringing):
        said = words.backlog(facts, waiting, most)
        yield Condition(Kind.QUEUE_BACKLOG, "", _of_numbers(seen), said)


def _drops(seen: Observation, ringing: Collection[Key]) -> Iterator[Condition]:
    most = seen.facts.settings.ai_analysis.high_drop_rate_percent
    total = seen.dropped + seen.processed
    percent = 100.0 * seen.dropped / total if total >= _FEWEST else 0.0
    if percent > _limit(most, (Kind.HIGH_DROP_RATE, ""), ringing):
        said = words.drops(seen.facts, percent, seen.dropped, total)
        yield Condition(Kind.HIGH_DROP_RATE, "", _of_numbers(seen), said)


def _slow(seen: Observation, ringing: Collection[Key]) -> Iterator[Condition]:
    most = seen.facts.settings.ai_analysis.slow_inference_ms
    for one in seen.facts.types:
        if one.recent.successes < _FEW:
            continue
        mean_ms = one.recent.infer_ms_sum / one.recent.successes
        if mean_ms > _limit(most, (Kind.SLOW_INFERENCE, one.name), ringing):
            said = words.slow(seen.facts, one, mean_ms, most)
            yield Condition(Kind.SLOW_INFERENCE, one.name, "algorithms_too_slow", said)


def _offline(seen: Observation, ringing: Collection[Key]) -> Iterator[Condition]:
    for one in seen.facts.services:
        if one.state == ServiceState.OFFLINE:
            said = words.service_offline(seen.facts, one)
            cause = one.state_reason
            yield Condition(Kind.SERVICE_OFFLINE, one.endpoint, cause, said, _OFFLINE_GRACE_SEC)


def _heartbeats(seen: Observation, ringing: Collection[Key]) -> Iterator[Condition]:
    """Of all services at once, while they live: inference goes on, but the way to us is broken."""
    facts = seen.facts
    living = [one for one in facts.services if one.state in ROUTABLE]
    if len(living) >= _MANY_SERVICES and all(facts.is_silent(one) for one in living):
        said = words.heartbeats_missing(facts, living)
        cause = "heartbeats_not_arriving"
        yield Condition(Kind.HEARTBEATS_MISSING, "", cause, said, _HEARTBEATS_GRACE_SEC)


def _of_numbers(seen: Observation) -> str:
    cause = _stopping(seen)
    return cause.code if cause else "algorithms_too_slow"


def _limit(most: float, key: Key, ringing: Collection[Key]) -> float:
    return most * _WELL_BELOW if key in ringing else most


_FINDERS: Final[tuple[Callable[[Observation, Collection[Key]], Iterator[Condition]], ...]] = (
    _no_algorithm,
    _backlog,
    _drops,
    _slow,
    _offline,
    _heartbeats,
)
