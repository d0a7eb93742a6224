"""Writes a diagnosis in a few lines, for a small screen at night: only the faults."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from easyai.diagnosis.causes.cause import Cause
from easyai.diagnosis.contents import Diagnosis
from easyai.diagnosis.report.worst import further_types, worst_types
from easyai.diagnosis.symptom import ringing
from easyai.domain.reason import Reason
from easyai.health.snapshot import TypeFacts
from easyai.messages.catalogue import ENGLISH, text
from easyai.messages.wording import plain
from easyai.settings.commands import report_command

#: The most lines of a short report.
MOST_LINES: Final = 15
_MOST_CAUSES: Final = 4
_MOST_TYPES: Final = 3
_MOST_CHECKS: Final = 2


def short(diagnosis: Diagnosis, language: str = ENGLISH) -> str:
    """A single line when all is well, else at most 15 lines; ends with a line break."""
    if diagnosis.well:
        first, second, *_ = diagnosis.symptom.lines
        lines = [Reason.of("short.well", first=first, second=second)]
    else:
        lines = list(_lines(diagnosis))[:MOST_LINES]
    return "".join(f"{plain(text(line, language))}\n" for line in lines)


def _lines(diagnosis: Diagnosis) -> Iterator[Reason]:
    facts = diagnosis.facts
    yield from diagnosis.symptom.lines[:2]
    for number, cause in enumerate(diagnosis.root_causes[:_MOST_CAUSES], 1):
        yield Reason.of("short.cause", number=number, cause=cause.title)
        if number == 1:
            yield from _first_remedy(cause)
    types = worst_types(facts)
    yield from (_task_type(task_type, facts.now) for task_type in types[:_MOST_TYPES])
    if rest := types[_MOST_TYPES:]:
        yield further_types(rest)
    broken = [result for result in diagnosis.checks if not result.ok]
    for result in broken[:_MOST_CHECKS]:
        yield Reason.of("short.check", name=result.name, why=result.reason)
    if facts.ringing:
        yield ringing(facts)
    yield Reason.of("short.whole", command=report_command(facts.settings))


def _first_remedy(cause: Cause) -> Iterator[Reason]:
    if not cause.remedies:
        return
    first = cause.remedies[0]
    if first.command:
        yield Reason.of("short.remedy_command", remedy=first.text, command=first.command)
    else:
        yield Reason.of("short.remedy", remedy=first.text)


def _task_type(task_type: TypeFacts, now: float) -> Reason:
    last, oldest = task_type.last_success_at, task_type.oldest_wait_at
    return Reason.of(
        "short.task_type",
        task_type=task_type.name,
        waiting=task_type.waiting + task_type.leased,
        oldest=Reason.of("short.oldest", waited_sec=now - oldest) if oldest else None,
        failed=task_type.failed,
        success=Reason.of("short.last_success", at=last) if last else Reason("symptom.no_success"),
    )
