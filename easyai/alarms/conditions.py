"""Derive the conditions of alarms from an observation, and the kinds that could be judged."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from easyai.alarms import texts
from easyai.alarms.inference_progress import Standstill
from easyai.alarms.observation import Observation
from easyai.alarms.of_clocks import of_clocks
from easyai.alarms.of_services import of_services, served
from easyai.alarms.timings import Timings
from easyai.diagnosis.causes.cause import Cause
from easyai.diagnosis.causes.rank import Ranking
from easyai.diagnosis.symptom import STOPS
from easyai.domain.alarm import AlarmKind, Condition, Key, Ringing
from easyai.domain.alarm_cause import cause_code, found_cause
from easyai.domain.reason import NO_REASON, Reason
from easyai.health.checks.rows import BACKLOG_OVER_BELOW, backlog

_FEWEST: Final = 10  # frames; a rate of fewer frames means nothing
_FEW: Final = 3  # calls; a mean of fewer calls depends on a single call
_TOO_SLOW: Final = "algorithms_too_slow"
_FROM_CHECKS: Final = {
    AlarmKind.STORE_DOWN: "store",
    AlarmKind.BUS_DOWN: "bus",
    AlarmKind.DISK_LOW: "disk",
    AlarmKind.SETTINGS_INVALID: "settings",
    AlarmKind.DATA_MOVED: "data",
}
_FROM_DATABASE: Final = (
    AlarmKind.NO_ALGORITHM,
    AlarmKind.QUEUE_BACKLOG,
    AlarmKind.HIGH_DROP_RATE,
    AlarmKind.SLOW_INFERENCE,
    AlarmKind.SERVICE_OFFLINE,
    AlarmKind.HEARTBEATS_MISSING,
    AlarmKind.CLOCK_OFF,
)


@dataclass(frozen=True, slots=True)
class Judged:
    """The conditions that hold, and the kinds that could be judged."""

    conditions: tuple[Condition, ...]
    kinds: frozenset[str]


def judge(
    seen: Observation,
    standstill: Standstill | None,
    ringing: Ringing,
    timings: Timings,
    outbox_still_sec: float = 0.0,
) -> Judged:
    """Every condition that holds.

    `ringing`: the ringing alarms. Their numbers must fall well below the limit, and their causes
    stay while these hold. `outbox_still_sec`: for how long the bus has acknowledged no waiting
    alert.
    """
    causes = Ranking(seen.facts)
    stalled = () if standstill is None else _stalled(seen, causes, standstill, ringing)
    conditions = [*stalled, *_outbox(seen, outbox_still_sec, timings.outbox_still_sec)]
    kinds: set[str] = {AlarmKind.INFERENCE_STALLED}
    for kind, check in _FROM_CHECKS.items():
        # An alarm must not ring for ever if its check is gone (the bus was switched off).
        kinds.add(kind)
        result = seen.facts.checks.get(check)
        if result is not None and result.reason:
            reason = texts.check_failed(kind, result, seen.facts)
            moved = kind == AlarmKind.DATA_MOVED
            grace_sec = timings.data_moved_grace_sec if moved else timings.check_grace_sec
            conditions.append(Condition(kind, "", result.reason, reason, grace_sec))
    if seen.facts.snapshot is not None:
        kinds.update(_FROM_DATABASE)
        conditions += of_services(seen.facts, causes, ringing, timings)
        conditions += of_clocks(seen.facts, ringing, timings.clock_off_grace_sec)
        for find in _OF_NUMBERS:
            conditions += find(seen, causes, ringing)
    return Judged(tuple(conditions), frozenset(kinds))


def _stalled(
    seen: Observation, causes: Ranking, standstill: Standstill, ringing: Ringing
) -> Iterator[Condition]:
    still = _named(seen, standstill) or set(standstill.types)
    for subject in _subjects(seen, standstill, ringing):
        known = cause_code(ringing.get((AlarmKind.INFERENCE_STALLED, subject), NO_REASON))
        cause = _stopping(causes, {subject} if subject else still, known)
        yield Condition(
            AlarmKind.INFERENCE_STALLED,
            subject,
            found_cause(cause.code) if cause else NO_REASON,
            texts.inference_stalled(seen.facts, standstill, subject, cause),
            lasted_sec=standstill.lasted_sec(subject),
            explains=True,
        )


def _subjects(seen: Observation, still: Standstill, ringing: Ringing) -> Iterable[str]:
    """The subjects of the alarm ('': all types). A ringing alarm keeps its subject: no flapping."""
    rings = {subject for kind, subject in ringing if kind == AlarmKind.INFERENCE_STALLED}
    if still.blind:
        return ("", *sorted(rings - {""}))
    named = _named(seen, still)
    if "" in rings:
        return ("",) if named or still.everything else ()
    if still.everything and named and not rings:
        return ("",)
    return sorted(named | (rings & set(still.types)))


def _named(seen: Observation, still: Standstill) -> set[str]:
    """The stalled types to name. A type without a service has no_algorithm if others are served."""
    taken = served(seen.facts)
    return {name for name in still.types if not taken or name in taken}


def _stopping(causes: Ranking, about: Collection[str] = (), known: str = "") -> Cause | None:
    """The most likely cause that stops inference of these types (empty: of any type).

    The known cause stays while it holds, unless a likelier cause covers all its task types.
    """
    stopping = [cause for cause in causes.about(about) if cause.weight >= STOPS]
    standing = next((cause for cause in stopping if cause.code == known), None)
    if standing and not stopping[0].covers(standing):
        return standing
    return stopping[0] if stopping else None


def _outbox(seen: Observation, still_sec: float, limit_sec: float) -> Iterator[Condition]:
    """The bus answers, but takes no alerts: it refuses them, or the topic is missing."""
    facts = seen.facts
    ours = facts.failed("bus") or facts.failed("broker") or facts.failed("database")
    snapshot = facts.snapshot
    if snapshot is None or ours or still_sec < limit_sec:
        return
    if facts.settings.ai_analysis.has_bus and snapshot.working("worker", facts.now):
        reason = texts.outbox(facts, snapshot.outbox, still_sec)
        yield Condition(AlarmKind.BUS_DOWN, "", Reason("alarm.none_acknowledged"), reason)


def _backlog(seen: Observation, causes: Ranking, ringing: Ringing) -> Iterator[Condition]:
    facts = seen.facts
    most = facts.settings.ai_analysis.max_queue_size
    key = (AlarmKind.QUEUE_BACKLOG, "")
    waiting = backlog(facts, rings=key in ringing)
    if waiting > _limit(most, key, ringing):
        reason = texts.backlog(facts, waiting, most)
        cause = _of_numbers(
            causes, {task_type.name for task_type in facts.types if task_type.pending}
        )
        yield Condition(AlarmKind.QUEUE_BACKLOG, "", cause, reason)


def _drops(seen: Observation, causes: Ranking, ringing: Ringing) -> Iterator[Condition]:
    most = seen.facts.settings.ai_analysis.high_drop_rate_percent
    dropped = sum(task_type.lately.dropped for task_type in seen.facts.types)
    total = dropped + sum(task_type.lately.processed for task_type in seen.facts.types)
    percent = 100.0 * dropped / total if total >= _FEWEST else 0.0
    if percent > _limit(most, (AlarmKind.HIGH_DROP_RATE, ""), ringing):
        reason = texts.drops(seen.facts, percent, dropped, total)
        yield Condition(AlarmKind.HIGH_DROP_RATE, "", _of_numbers(causes), reason)


def _slow(seen: Observation, _causes: Ranking, ringing: Ringing) -> Iterator[Condition]:
    most = seen.facts.settings.ai_analysis.slow_inference_ms
    stands = {subject for kind, subject in ringing if kind == AlarmKind.INFERENCE_STALLED}
    for task_type in seen.facts.types:
        key = (AlarmKind.SLOW_INFERENCE, task_type.name)
        # Hanging services are not slow: the standstill has its own alarm.
        if task_type.recent.successes < _FEW or (
            stands & {"", task_type.name} and key not in ringing
        ):
            continue
        mean_ms = task_type.recent.infer_ms_sum / task_type.recent.successes
        if mean_ms > _limit(most, key, ringing):
            reason = texts.slow(seen.facts, task_type, mean_ms, most)
            yield Condition(
                AlarmKind.SLOW_INFERENCE, task_type.name, found_cause(_TOO_SLOW), reason
            )


def _of_numbers(causes: Ranking, about: Collection[str] = ()) -> Reason:
    cause = _stopping(causes, about)
    return found_cause(cause.code if cause else _TOO_SLOW)


def _limit(most: float, key: Key, ringing: Ringing) -> float:
    # A number that has passed its limit must fall well below it: no flapping around the limit.
    return most * BACKLOG_OVER_BELOW if key in ringing else most


_OF_NUMBERS: Final[tuple[Callable[[Observation, Ranking, Ringing], Iterator[Condition]], ...]] = (
    _backlog,
    _drops,
    _slow,
)
