"""Causes in the speed of the algorithms: frames queue up, or sampling skips the excess."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from easyai.diagnosis.causes.cause import Cause, Remedy
from easyai.diagnosis.causes.service_words import MOST_TYPES, further_types
from easyai.domain.alarm import AlarmKind
from easyai.domain.reason import Reason
from easyai.domain.service import ROUTABLE
from easyai.health.facts import Facts
from easyai.health.snapshot import TypeFacts
from easyai.settings.commands import easyai_command

_STANDSTILLS: Final = (AlarmKind.INFERENCE_STALLED, AlarmKind.NO_ALGORITHM)


def find(facts: Facts) -> Iterator[Cause]:
    """The cause for types that succeed, but do not infer every frame soon."""
    working = [task_type for task_type in facts.types if _works(facts, task_type)]
    dropping = [task_type for task_type in facts.types if _drops(facts, task_type)]
    queues = [
        task_type
        for task_type in working
        if _queues_up(facts, task_type) and not _drops(facts, task_type)
    ]
    slow = queues + dropping
    sampled = [task_type for task_type in working if _samples(facts, task_type)]
    if slow:
        yield _slow(facts, slow, sampled)
    elif sampled:
        yield _sampled(facts, sampled)


def _drops(facts: Facts, task_type: TypeFacts) -> bool:
    """Whether frames were dropped and the drop alarm still rings, even if all is well by now."""
    return (
        bool(task_type.lately.dropped)
        and any(alarm.kind == AlarmKind.HIGH_DROP_RATE for alarm in facts.ringing)
        and _served(facts, task_type)
        and task_type not in facts.stalled
    )


def _served(facts: Facts, task_type: TypeFacts) -> bool:
    return any(
        task_type.name in service.task_types and service.state in ROUTABLE
        for service in facts.services
    )


def _works(facts: Facts, task_type: TypeFacts) -> bool:
    return (
        _served(facts, task_type)
        and bool(task_type.recent.successes)
        and not facts.is_quiet(task_type)
    )


def _queues_up(facts: Facts, task_type: TypeFacts) -> bool:
    recent, limit = task_type.recent, facts.settings.ai_analysis.max_queue_size
    if not task_type.pending:
        return False
    waited_sec = facts.now - task_type.oldest_wait_at if task_type.oldest_wait_at else 0.0
    stall_sec = facts.settings.ai_analysis.stall_alarm_sec
    behind = waited_sec >= stall_sec and not _stood(facts, task_type)
    full = task_type.pending > limit
    losing = recent.found > recent.processed + recent.sampled + recent.superseded
    return (behind and losing) or full or bool(recent.queue_full)


def _stood(facts: Facts, task_type: TypeFacts) -> bool:
    """Whether a type stood still within the time over which its rates are measured."""
    snapshot = facts.snapshot
    return snapshot is not None and any(
        alarm.kind in _STANDSTILLS
        and alarm.subject in ("", task_type.name)
        and (alarm.over_at is None or facts.now - alarm.over_at <= 2 * task_type.recent_sec)
        for alarm in snapshot.alarms
    )


def _samples(facts: Facts, task_type: TypeFacts) -> bool:
    """Whether n is above 1 because of the present load, not left over from busier times."""
    return (
        _is_automatic(facts, task_type)
        and task_type.sampling_n > 1
        and task_type.recent.sampled > 0
    )


def _is_automatic(facts: Facts, task_type: TypeFacts) -> bool:
    return facts.settings.ai_analysis.type_settings(task_type.name).sampling == "auto"


def _slow(facts: Facts, slow: Sequence[TypeFacts], sampled: Sequence[TypeFacts]) -> Cause:
    remedies = [_more_services(facts)]
    if every := _names(task_type for task_type in slow if not _is_automatic(facts, task_type)):
        remedies.append(Remedy(Reason.of("cause.too_slow.sample", task_types=every)))
    return Cause(
        "algorithms_too_slow",
        Reason.of("cause.too_slow.title", task_types=_names(slow)),
        tuple(
            _evidence(
                facts, [*slow, *(task_type for task_type in sampled if task_type not in slow)]
            )
        ),
        tuple(remedies),
        weight=40,
        task_types=_names(slow),
    )


def _sampled(facts: Facts, sampled: Sequence[TypeFacts]) -> Cause:
    return Cause(
        "algorithms_too_slow",
        Reason.of("cause.sampled.title", task_types=_names(sampled)),
        tuple(_evidence(facts, sampled)),
        (Remedy(Reason("cause.sampled.nothing")), _more_services(facts)),
        weight=15,
        task_types=_names(sampled),
    )


def _names(types: Iterable[TypeFacts]) -> tuple[str, ...]:
    return tuple(task_type.name for task_type in types)


def _more_services(facts: Facts) -> Remedy:
    return Remedy(Reason("cause.too_slow.more_services"), easyai_command(facts.settings, "stats"))


def _evidence(facts: Facts, types: Sequence[TypeFacts]) -> Iterator[Reason]:
    worst = sorted(types, key=lambda task_type: -task_type.waiting)
    for task_type in worst[:MOST_TYPES]:
        yield _rates(facts, task_type)
        yield from _given_up(facts, task_type)
    yield from further_types(worst[MOST_TYPES:])


def _rates(facts: Facts, task_type: TypeFacts) -> Reason:
    return Reason.of(
        "cause.too_slow.rates",
        task_type=task_type.name,
        found_per_sec=task_type.recent.found / task_type.recent_sec,
        inferred_per_sec=task_type.recent.processed / task_type.recent_sec,
        waiting=_waiting(facts, task_type),
    )


def _waiting(facts: Facts, task_type: TypeFacts) -> Reason:
    if not task_type.waiting:
        return Reason("cause.too_slow.none_waits")
    oldest_sec = facts.now - (task_type.oldest_wait_at or facts.now)
    return Reason.of("cause.too_slow.waiting", n=task_type.waiting, oldest_sec=oldest_sec)


def _given_up(facts: Facts, task_type: TypeFacts) -> Iterator[Reason]:
    dropped, skipped = task_type.recent.dropped, task_type.recent.sampled
    if _drops(facts, task_type):
        lost, processed = task_type.lately.dropped, task_type.lately.processed
        yield Reason.of(
            "cause.too_slow.lately_dropped",
            task_type=task_type.name,
            dropped=lost,
            total=lost + processed,
        )
    elif dropped:
        yield Reason.of("cause.too_slow.dropped", task_type=task_type.name, dropped=dropped)
    if _samples(facts, task_type):
        yield Reason.of(
            "cause.too_slow.sampled",
            task_type=task_type.name,
            sampled=skipped,
            each=task_type.sampling_n,
        )
