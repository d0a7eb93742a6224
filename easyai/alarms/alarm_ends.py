"""The state when an alarm is over: only what was observed, not what is hoped for.

A condition can end for several reasons. Frames no longer wait when they are inferred, but also when
they are dropped. Heartbeats are no longer missed when they arrive, but also when no service lives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from easyai.alarms.absence import Absence
from easyai.db.statistics import BUCKET_SEC
from easyai.diagnosis.causes.proof_of_life import heartbeats_arrive, lives_without_heartbeats
from easyai.domain.alarm import AlarmKind, Notice
from easyai.domain.alarm_cause import cause_code
from easyai.domain.reason import Reason
from easyai.domain.service import ROUTABLE
from easyai.health.facts import Facts
from easyai.health.failing import CAUSES as FAILED
from easyai.health.snapshot import TypeFacts
from easyai.settings.commands import easyai_command

_FEW: Final = 3  # calls; a mean of fewer calls means nothing
_OTHERS: Final = {
    AlarmKind.HIGH_DROP_RATE: Reason("alarm_end.drop_rate"),
    AlarmKind.BUS_DOWN: Reason("alarm_end.bus"),
    AlarmKind.STORE_DOWN: Reason("alarm_end.store"),
    AlarmKind.DISK_LOW: Reason("alarm_end.disk"),
    AlarmKind.CLOCK_JUMP: Reason("alarm_end.clock_steady"),
    AlarmKind.SETTINGS_INVALID: Reason("alarm_end.settings"),
    AlarmKind.DATA_MOVED: Reason("alarm_end.data"),
    AlarmKind.CLOCK_OFF: Reason("alarm_end.clock_agrees"),
}
# Causes that keep scans from looking for frames.
_UNSEEN: Final = frozenset(
    {
        *("beat_gone", "broker_down", "database_down", "disabled", "disk_full"),
        *("settings_invalid", "store_down", "worker_gone", "worker_hung", "not_running"),
    }
)


def end(kind: str, group: Sequence[Notice], facts: Facts) -> tuple[Reason, ...]:
    """The state now that alarms of a kind are over."""
    see = _SEEN.get(AlarmKind(kind))
    return see(group, facts) if see else (_OTHERS[AlarmKind(kind)],)


def not_running(absence: Absence) -> Reason:
    """From when to when no process of ours showed a sign of life."""
    return Reason.of("alarm.not_running", since=absence.since, until=absence.until)


def _algorithms(group: Sequence[Notice], facts: Facts) -> tuple[Reason, ...]:
    served = {
        name
        for service in facts.services
        if service.state in ROUTABLE
        for name in service.task_types
    }
    available = [
        notice for notice in group if (notice.subject in served if notice.subject else served)
    ]
    again = Reason("alarm_end.algorithms")
    if len(available) == len(group):
        return (again,)
    unserved = tuple(notice.subject for notice in group if notice not in available)
    held = _held(_types(unserved, facts))
    none = Reason.of("alarm_end.unserved", held=held, task_types=unserved)
    return (again, none) if available else (none,)


def _inference(group: Sequence[Notice], facts: Facts) -> tuple[Reason, ...]:
    going = tuple(notice.subject for notice in group if _goes_on(notice, facts))
    if len(going) == len(group):
        return (Reason("alarm_end.inference"), *_kept_failed(group, facts))
    standing = [notice for notice in group if notice.subject not in going]
    others = tuple(notice.subject for notice in standing)
    rest: tuple[Reason, ...] = (
        Reason.of("alarm_end.none_since", held=_held(_types(others, facts))),
    )
    if {cause_code(notice.cause) for notice in standing} <= _UNSEEN:
        rest = (Reason("alarm_end.looked_for"), *rest)
    if not going:
        return rest
    return (Reason.of("alarm_end.some_go_on", going=going, others=others, rest=rest),)


def _kept_failed(group: Sequence[Notice], facts: Facts) -> Iterator[Reason]:
    """A reminder of the frames that failed during the alarm: only a requeue brings them back."""
    subjects = [notice.subject for notice in group if cause_code(notice.cause) in FAILED]
    failed = [task_type for task_type in _types(subjects, facts) if task_type.failed]
    for task_type in failed[:_FEW]:
        command = easyai_command(facts.settings, "requeue", "--task-type", task_type.name)
        yield Reason.of(
            "alarm_end.kept_failed", n=task_type.failed, task_type=task_type.name, command=command
        )


def _goes_on(notice: Notice, facts: Facts) -> bool:
    """Whether a frame has succeeded since the alarm was raised."""
    # The time of the last success is known to within ten seconds.
    since = notice.raised_at - BUCKET_SEC
    return any(task_type.last_success_at >= since for task_type in _types([notice.subject], facts))


def _backlog(_group: Sequence[Notice], facts: Facts) -> tuple[Reason, ...]:
    pending = Reason.of("alarm_end.queue", n=sum(task_type.pending for task_type in facts.types))
    parked = sum(task_type.parked for task_type in facts.types)
    return (pending, Reason.of("alarm_end.parked", n=parked)) if parked else (pending,)


def _speed(group: Sequence[Notice], facts: Facts) -> tuple[Reason, ...]:
    own = _types([notice.subject for notice in group], facts)
    if own and all(task_type.recent.successes >= _FEW for task_type in own):
        return (Reason("alarm_end.fast"),)
    return (Reason("alarm_end.few_answers"),)


def _heartbeats(group: Sequence[Notice], facts: Facts) -> tuple[Reason, ...]:
    subjects = {notice.subject for notice in group}
    own = [service for service in facts.services if "" in subjects or service.endpoint in subjects]
    beating = [service for service in own if heartbeats_arrive(facts, service)]
    living = tuple(
        service.service_id for service in own if lives_without_heartbeats(facts, service)
    )
    lost = tuple(
        service.service_id
        for service in own
        if service not in beating and service.service_id not in living
    )
    parts = []
    if len(beating) == len(own) and own:
        parts.append(Reason("alarm_end.heartbeats"))
    elif beating:
        parts.append(Reason.of("alarm_end.some_heartbeats", heard=len(beating), services=len(own)))
    else:
        parts.append(Reason("alarm_end.no_heartbeat"))
    if living:
        parts.append(Reason.of("alarm_end.unheard", service_ids=living))
    if lost:
        parts.append(Reason.of("alarm_end.lost", service_ids=lost))
    return tuple(parts)


def _types(subjects: Sequence[str], facts: Facts) -> list[TypeFacts]:
    return [task_type for task_type in facts.types if "" in subjects or task_type.name in subjects]


def _held(types: Sequence[TypeFacts]) -> Reason:
    """How many frames of these types wait; if none waits, what became of the frames."""
    waiting = sum(task_type.waiting + task_type.leased for task_type in types)
    if waiting:
        return Reason.of("alarm_end.still_wait", n=waiting)
    failed = sum(task_type.failures.count for task_type in types)
    dropped = sum(task_type.recent.dropped for task_type in types)
    fates = []
    if failed:
        fates.append(Reason.of("alarm_end.failed", failed=failed))
    if dropped:
        fates.append(Reason.of("alarm_end.dropped", dropped=dropped))
    shown = Reason.of("alarm_end.fates", fates=tuple(fates)) if fates else None
    return Reason.of("alarm_end.none_waits", fates=shown)


_SEEN: Final[dict[AlarmKind, Callable[[Sequence[Notice], Facts], tuple[Reason, ...]]]] = {
    AlarmKind.NO_ALGORITHM: _algorithms,
    AlarmKind.INFERENCE_STALLED: _inference,
    AlarmKind.QUEUE_BACKLOG: _backlog,
    AlarmKind.SLOW_INFERENCE: _speed,
    AlarmKind.HEARTBEATS_MISSING: _heartbeats,
}
