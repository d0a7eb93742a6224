"""What is wrong now: from an observation to the conditions of alarms, and which could be judged."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from easyai.domain.alarm import Condition, Key, Kind
from easyai.domain.service import ROUTABLE, ServiceState
from easyai.health.alarms import words
from easyai.health.causes.cause import Cause
from easyai.health.causes.life import is_heard, lives_unheard
from easyai.health.causes.no_service import taken_out
from easyai.health.causes.rank import rank
from easyai.health.facts import Facts
from easyai.health.known import ServiceFacts
from easyai.health.observation import Observation
from easyai.health.progress import Standstill

# Frames wait for a moment when a service restarts; that is no outage.
_NO_SERVICE_GRACE_SEC: Final = 10.0
_CHECK_GRACE_SEC: Final = 10.0
# Services that died together are found dead by sweeps 5 s apart at most: one message.
_OFFLINE_GRACE_SEC: Final = 4.0
# Heartbeats that were cut off together are overdue one after the other, a field client's each 30 s:
# until then more may be to tell of than some.
_HEARTBEATS_GRACE_SEC: Final = 30.0
# A few whose heartbeats stay away are no outage: inference goes on.
_FEW_HEARTBEATS_GRACE_SEC: Final = 300.0
_MANY_SERVICES: Final = 3
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


Ringing = Mapping[Key, str]  # the alarms that ring, and the cause that was told of each


@dataclass(frozen=True, slots=True)
class Judged:
    """What holds, and the kinds of which anything could be said."""

    conditions: tuple[Condition, ...]
    kinds: frozenset[str]


def judge(
    seen: Observation,
    standstill: Standstill | None,
    ringing: Ringing,
    outbox_still_sec: float = 0.0,
) -> Judged:
    """Every condition that holds.

    `ringing`: alarms whose numbers must fall well below, and whose causes stay while they hold.
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
    seen: Observation, standstill: Standstill | None, ringing: Ringing
) -> Iterator[Condition]:
    if standstill is None:
        return
    still = _named(seen, standstill) or set(standstill.types)
    for subject in _subjects(seen, standstill, ringing):
        told = ringing.get((Kind.INFERENCE_STALLED, subject), "")
        cause = _stopping(seen, {subject} if subject else still, told)
        yield Condition(
            Kind.INFERENCE_STALLED,
            subject,
            cause.code if cause else "",
            words.inference_stalled(seen.facts, standstill, subject, cause),
            lasted_sec=standstill.lasted_sec,
            explains=True,
        )


def _subjects(seen: Observation, still: Standstill, ringing: Ringing) -> Iterable[str]:
    """Whom the alarm names, '' for all: what rings goes on under its name, so nothing flaps."""
    rings = {subject for kind, subject in ringing if kind == Kind.INFERENCE_STALLED}
    if still.blind:
        return ("", *sorted(rings - {""}))
    named = _named(seen, still)
    if "" in rings:
        return ("",) if named or still.everything else ()
    if still.everything and named and not rings:
        return ("",)
    return sorted(named | (rings & set(still.types)))


def _named(seen: Observation, still: Standstill) -> set[str]:
    """Where others are served, one without any service is told of as no_algorithm."""
    served = _served(seen)
    return {name for name in still.types if not served or name in served}


def _served(seen: Observation) -> set[str]:
    """The task types that some service may be given."""
    routable = [one for one in seen.facts.services if one.state in ROUTABLE]
    return {name for one in routable for name in one.task_types}


def _stopping(seen: Observation, about: Collection[str] = (), told: str = "") -> Cause | None:
    """What stops inference of these types most likely (empty: of any).

    The cause that was told stays while it holds, unless one is found for all that it concerns.
    """
    found = [cause for cause in rank(seen.facts, about) if cause.weight >= _STOPS_INFERENCE]
    standing = next((cause for cause in found if cause.code == told), None)
    if standing and not found[0].covers(standing):
        return standing
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


def _no_algorithm(seen: Observation, ringing: Ringing) -> Iterator[Condition]:
    facts, served = seen.facts, _served(seen)
    # Not where nothing was ever known: a fresh installation has nobody to miss.
    known = bool(facts.known and facts.known.services)
    if not served and (known or facts.types):
        cause = _of_services(seen)
        said = words.no_algorithm_at_all(facts, tuple(taken_out(facts)) if known else ())
        yield Condition(Kind.NO_ALGORITHM, "", cause, said, _NO_SERVICE_GRACE_SEC)
    for one in facts.types:
        if one.waiting and one.name not in served:
            # A service of the type that is offline, or none at all.
            offline = any(one.name in service.task_types for service in facts.services)
            cause = _of_services(seen, (one.name,)) if offline else "no_service"
            said = words.no_algorithm(facts, one)
            yield Condition(Kind.NO_ALGORITHM, one.name, cause, said, _NO_SERVICE_GRACE_SEC)


def _of_services(seen: Observation, about: Collection[str] = ()) -> str:
    found = (cause.code for cause in rank(seen.facts, about))
    return next((code for code in found if code in _SERVICES_AWAY), "no_service")


def _backlog(seen: Observation, ringing: Ringing) -> Iterator[Condition]:
    facts = seen.facts
    most = facts.settings.ai_analysis.max_queue_size
    # Parked frames wait for a service, not in a queue that is too long.
    waiting = sum(one.pending for one in facts.types)
    if most and waiting > _limit(most, (Kind.QUEUE_BACKLOG, ""), ringing):
        said = words.backlog(facts, waiting, most)
        cause = _of_numbers(seen, {one.name for one in facts.types if one.pending})
        yield Condition(Kind.QUEUE_BACKLOG, "", cause, said)


def _drops(seen: Observation, ringing: Ringing) -> Iterator[Condition]:
    most = seen.facts.settings.ai_analysis.high_drop_rate_percent
    total = seen.dropped + seen.processed
    percent = 100.0 * seen.dropped / total if total >= _FEWEST else 0.0
    if percent > _limit(most, (Kind.HIGH_DROP_RATE, ""), ringing):
        said = words.drops(seen.facts, percent, seen.dropped, total)
        yield Condition(Kind.HIGH_DROP_RATE, "", _of_numbers(seen), said)


def _slow(seen: Observation, ringing: Ringing) -> Iterator[Condition]:
    most = seen.facts.settings.ai_analysis.slow_inference_ms
    for one in seen.facts.types:
        if one.recent.successes < _FEW:
            continue
        mean_ms = one.recent.infer_ms_sum / one.recent.successes
        if mean_ms > _limit(most, (Kind.SLOW_INFERENCE, one.name), ringing):
            said = words.slow(seen.facts, one, mean_ms, most)
            yield Condition(Kind.SLOW_INFERENCE, one.name, "algorithms_too_slow", said)


def _offline(seen: Observation, ringing: Ringing) -> Iterator[Condition]:
    for one in seen.facts.services:
        if one.state == ServiceState.OFFLINE:
            said = words.service_offline(seen.facts, one)
            cause = one.state_reason
            yield Condition(Kind.SERVICE_OFFLINE, one.endpoint, cause, said, _OFFLINE_GRACE_SEC)


def _heartbeats(seen: Observation, ringing: Ringing) -> Iterator[Condition]:
    """Of services that are proven to live: inference goes on, but the way to us is broken.

    Three that do not reach us are one fault, however many others do: a firewall lets through those
    of this machine. Of fewer each is told of by itself, later, and goes on under its name.
    """
    facts = seen.facts
    unheard = [one for one in facts.services if lives_unheard(facts, one)]
    living = len(unheard) + sum(is_heard(facts, one) for one in facts.services)
    many = len(unheard) >= _MANY_SERVICES or (len(unheard) > 1 and 2 * len(unheard) > living)
    if many:
        # No more can follow when it is all of them.
        grace_sec = _HEARTBEATS_GRACE_SEC if len(unheard) < living else 0.0
        yield _missing("", unheard, facts, living, grace_sec)
    for one in unheard:
        if not many or (Kind.HEARTBEATS_MISSING, one.endpoint) in ringing:
            yield _missing(one.endpoint, [one], facts, living, _FEW_HEARTBEATS_GRACE_SEC)


def _missing(
    subject: str, unheard: Sequence[ServiceFacts], facts: Facts, living: int, grace_sec: float
) -> Condition:
    said = words.heartbeats_missing(facts, unheard, living)
    kind, cause = Kind.HEARTBEATS_MISSING, "heartbeats_not_arriving"
    return Condition(kind, subject, cause, said, grace_sec)


def _of_numbers(seen: Observation, about: Collection[str] = ()) -> str:
    cause = _stopping(seen, about)
    return cause.code if cause else "algorithms_too_slow"


def _limit(most: float, key: Key, ringing: Ringing) -> float:
    return most * _WELL_BELOW if key in ringing else most


_FINDERS: Final[tuple[Callable[[Observation, Ringing], Iterator[Condition]], ...]] = (
    _no_algorithm,
    _backlog,
    _drops,
    _slow,
    _offline,
    _heartbeats,
)
