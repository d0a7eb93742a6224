"""Texts of alarms: what is wrong, since when, why, and what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from easyai.alarms.inference_progress import Standstill
from easyai.diagnosis.causes.cause import Cause, Remedy
from easyai.diagnosis.stalled_types import unstopped
from easyai.domain.reason import Reason
from easyai.health.checks.named_check import CheckResult
from easyai.health.facts import Facts
from easyai.health.failing import failed_frames
from easyai.health.snapshot import TypeFacts
from easyai.settings.commands import easyai_command, report_command

_MOST_TYPES: Final = 3


def inference_stalled(facts: Facts, still: Standstill, subject: str, cause: Cause | None) -> Reason:
    """No frame succeeds, of any type or of the type `subject`."""
    lasted = _lasted(facts, still, subject)
    if still.goes_on:
        headline = Reason.of("alarm.scan_silent", lasted=lasted)
    elif still.blind:
        headline = Reason.of("alarm.stalled_blind", lasted=lasted)
    else:
        headline = Reason.of("alarm.stalled", held=_held(facts, still, subject), lasted=lasted)
    return paragraph(headline, _why(cause), _next(facts, cause))


def _lasted(facts: Facts, still: Standstill, subject: str) -> Reason:
    """For how long; from the shortest to the longest time, if types differ."""
    longest_sec = still.lasted_sec(subject)
    shortest_sec = longest_sec if subject or still.blind else min(still.types.values())
    if longest_sec - shortest_sec < facts.settings.ai_analysis.stall_alarm_sec:
        return Reason.of("span", sec=longest_sec)
    return Reason.of("alarm.lasted_between", shortest_sec=shortest_sec, longest_sec=longest_sec)


def _held(facts: Facts, still: Standstill, subject: str) -> tuple[Reason, ...]:
    """The frames without a success: they wait, are in flight, or failed.

    The first part names their types, unless these are all types.
    """
    begun = facts.now - min(still.types.values(), default=0.0)
    every = still.everything and not subject and not unstopped(facts, still.types, begun)
    types = [
        task_type
        for task_type in facts.types
        if every or task_type.name == subject or (not subject and task_type.name in still.types)
    ]
    task_types = () if every else tuple(task_type.name for task_type in types)
    of = Reason.of("alarm.of_types", task_types=task_types) if task_types else None
    waiting, flying = (
        sum(task_type.waiting for task_type in types),
        sum(task_type.leased for task_type in types),
    )
    failing = [task_type for task_type in types if facts.owes_failed(task_type)]
    parts: list[Reason] = []
    if waiting or not (flying or failing):
        parts.append(Reason.of("alarm.waiting", n=waiting, of=of))
    if flying:
        parts.append(Reason.of("alarm.in_flight", flying=flying, of=None if parts else of))
    if failing:
        failed = failed_frames(failing)
        parts.append(Reason.of("alarm.failed", failed=failed, of=None if parts else of))
    return tuple(parts)


def backlog(facts: Facts, waiting: int, most: int) -> Reason:
    """More frames wait than the operator allows."""
    strategy = facts.settings.ai_analysis.queue_full_strategy
    return Reason.of(
        "alarm.backlog",
        waiting=waiting,
        most=most,
        fate=Reason("alarm.none_dropped")
        if strategy == "wait"
        else Reason.of("alarm.frames_dropped", strategy=strategy),
        sample=_or_sample(facts, [task_type for task_type in facts.types if task_type.pending]),
    )


def drops(facts: Facts, percent: float, dropped: int, total: int) -> Reason:
    """Too many frames were dropped; names the types with the most dropped frames."""
    dropping = [task_type for task_type in facts.types if task_type.lately.dropped]
    worst = sorted(dropping, key=lambda task_type: -task_type.lately.dropped)[:_MOST_TYPES]
    return Reason.of(
        "alarm.drops",
        dropped=dropped,
        total=total,
        percent=percent,
        worst=tuple(
            Reason.of(
                "alarm.dropped_of", task_type=task_type.name, dropped=task_type.lately.dropped
            )
            for task_type in worst
        ),
        sample=_or_sample(facts, worst),
        command=easyai_command(facts.settings, "stats"),
    )


def _or_sample(facts: Facts, some: Sequence[TypeFacts]) -> Reason | None:
    """The remedy of sampling, for the types in `some` that infer every frame."""
    of_type = facts.settings.ai_analysis.type_settings
    every = tuple(task_type.name for task_type in some if of_type(task_type.name).sampling == 1)
    return Reason.of("alarm.or_sample", task_types=every) if every else None


def slow(facts: Facts, task_type: TypeFacts, mean_ms: float, most_ms: float) -> Reason:
    """The services of a type answer slowly."""
    command = easyai_command(facts.settings, "services")
    return Reason.of(
        "alarm.slow", task_type=task_type.name, mean_ms=mean_ms, most_ms=most_ms, command=command
    )


def check_failed(kind: str, result: CheckResult, facts: Facts) -> Reason:
    """Something that must work does not work."""
    return Reason.of("alarm.check_failed", kind=kind, why=result.reason, run=report(facts))


def outbox(facts: Facts, waiting: int, still_sec: float) -> Reason:
    """The bus answers, but takes no alert."""
    return Reason.of(
        "alarm.outbox",
        n=waiting,
        still_sec=still_sec,
        bus=facts.settings.ai_analysis.mq_type,
        command=easyai_command(facts.settings, "alarms", "test"),
    )


def clock_jump(jump_sec: float) -> Reason:
    """The wall clock was set."""
    way = "forward" if jump_sec > 0 else "back"
    return Reason.of("alarm.clock_jump", way=way, by_sec=abs(jump_sec))


def _why(cause: Cause | None) -> Reason:
    if cause is None:
        return Reason("alarm.cause_unknown")
    if not cause.evidence:
        return cause.title
    return Reason.of("alarm.because", cause=cause.title, evidence=cause.evidence[0])


def _next(facts: Facts, cause: Cause | None) -> Reason:
    if cause is None or not cause.remedies:
        return Reason.of("alarm.report", report=report(facts))
    first = cause.remedies[0]
    return Reason.of(
        "alarm.next",
        remedy=first.text,
        command=_command(first),
        report=report(facts),
    )


def _command(remedy: Remedy) -> Reason | None:
    return Reason.of("alarm.command", command=remedy.command) if remedy.command else None


def report(facts: Facts) -> Reason:
    """The command that shows the whole report, in the language of the surrounding sentence."""
    return report_command(facts.settings)


def paragraph(*parts: Reason) -> Reason:
    """Sentences in a row."""
    return Reason.of("paragraph", parts=parts)
