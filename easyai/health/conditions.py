"""What is wrong now: from an observation to the conditions of alarms, and which could be judged."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Final

from easyai.domain.alarm import Condition, Key, Kind
from easyai.domain.service import ROUTABLE, ServiceState
from easyai.health import alarm_words as words
from easyai.health.causes import rank
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
_FEWEST: Final = 10  # frames; a rate or a mean of fewer tells nothing

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


def judge(seen: Observation, standstill: Standstill | None, ringing: Collection[Key]) -> Judged:
    """Every condition that holds; `ringing` are the alarms whose numbers must fall well below."""
    conditions = list(_stalled(seen, standstill))
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


def _stalled(seen: Observation, standstill: Standstill | None) -> Iterator[Condition]:
    if standstill is None:
        return
    # The others make inference slower, or threaten it.
    stopping = [cause for cause in rank(seen.facts) if cause.weight >= _STOPS_INFERENCE]
    cause = stopping[0] if stopping else None
    for subject in ("",) if standstill.everything else standstill.types:
        yield Condition(
            Kind.INFERENCE_STALLED,
            subject,
            cause.code if cause else "",
            words.inference_stalled(seen.facts, standstill, subject, cause),
            lasted_sec=standstill.lasted_sec,
        )


def _no_algorithm(seen: Observation, ringing: Collection[Key]) -> Iterator[Condition]:
    facts = seen.facts
    routable = [one for one in facts.services if one.state in ROUTABLE]
    served = {name for one in routable for name in one.task_types}
    for one in facts.types:
        if one.waiting and one.name not in served:
            said = words.no_algorithm(facts, one)
            yield Condition(Kind.NO_ALGORITHM, one.name, "no service", said, _NO_SERVICE_GRACE_SEC)
    if not routable and (facts.services or facts.waiting):
        said = words.no_algorithm_at_all(facts)
        yield Condition(Kind.NO_ALGORITHM, "", "no service at all", said, _NO_SERVICE_GRACE_SEC)


def _backlog(seen: Observation, ringing: Collection[Key]) -> Iterator[Condition]:
    facts = seen.facts
    most = facts.settings.ai_analysis.max_queue_size
    # Parked frames wait for a service, not in a queue that is too long.
    waiting = sum(one.pending for one in facts.types)
    if most and waiting > _limit(most, (Kind.QUEUE_BACKLOG, ""), ringing):
        cause = f"{waiting} of at most {most}"
        yield Condition(Kind.QUEUE_BACKLOG, "", cause, words.backlog(facts, waiting, most))


def _drops(seen: Observation, ringing: Collection[Key]) -> Iterator[Condition]:
    most = seen.facts.settings.ai_analysis.high_drop_rate_percent
    total = seen.dropped + seen.processed
    percent = 100.0 * seen.dropped / total if total >= _FEWEST else 0.0
    if percent > _limit(most, (Kind.HIGH_DROP_RATE, ""), ringing):
        said = words.drops(seen.facts, percent, seen.dropped, total)
        yield Condition(Kind.HIGH_DROP_RATE, "", f"{percent:.0f} %", said)


def _slow(seen: Observation, ringing: Collection[Key]) -> Iterator[Condition]:
    most = seen.facts.settings.ai_analysis.slow_inference_ms
    for one in seen.facts.types:
        if not one.recent.successes:
            continue
        mean_ms = one.recent.infer_ms_sum / one.recent.successes
        if mean_ms > _limit(most, (Kind.SLOW_INFERENCE, one.name), ringing):
            said = words.slow(seen.facts, one, mean_ms, most)
            yield Condition(Kind.SLOW_INFERENCE, one.name, f"{mean_ms:.0f} ms", said)


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
