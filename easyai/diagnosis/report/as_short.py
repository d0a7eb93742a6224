"""Writes a diagnosis in a few lines, for a small screen at night: only what is not well."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from easyai.diagnosis.causes.cause import Cause
from easyai.diagnosis.diagnosis import Diagnosis
from easyai.diagnosis.report import words
from easyai.diagnosis.report.markdown import plain
from easyai.diagnosis.report.worst import further_types, worst_types
from easyai.diagnosis.symptom import ringing
from easyai.domain.words import Language, Words
from easyai.health.snapshot import TypeFacts
from easyai.messages.names import check_name
from easyai.messages.wording import frames, moment, span
from easyai.settings.commands import report_command

#: At most so many lines.
MOST_LINES: Final = 15
_MOST_CAUSES: Final = 4
_MOST_TYPES: Final = 3
_MOST_CHECKS: Final = 2


def short(diagnosis: Diagnosis, language: Language = "en") -> str:
    """One line when all is well, else 15 at most; ends with a line break."""
    if diagnosis.well:
        first, second, *_ = (plain(line.said(language)) for line in diagnosis.symptom.lines)
        return f"{first}{': ' if language == 'en' else '：'}{second}\n"
    lines = [plain(line.said(language)) for line in _lines(diagnosis)]
    return "\n".join(lines[:MOST_LINES]) + "\n"


def _lines(diagnosis: Diagnosis) -> Iterator[Words]:
    facts = diagnosis.facts
    yield from diagnosis.symptom.lines[:2]
    for number, cause in enumerate(diagnosis.causes[:_MOST_CAUSES], 1):
        yield Words(f"{number}. {cause.words.en}", f"{number}. {cause.words.zh}")
        if number == 1:
            yield from _first_remedy(cause)
    types = worst_types(facts)
    yield from (_type_line(one, facts.now) for one in types[:_MOST_TYPES])
    if rest := types[_MOST_TYPES:]:
        yield further_types(rest)
    broken = [one for one in diagnosis.checks if not one.ok]
    for result in broken[:_MOST_CHECKS]:
        name, why = check_name(result.name), facts.why(result.name)
        yield Words(
            f"{name.en}: {words.NOT_OK.en}: {why.en}", f"{name.zh}：{words.NOT_OK.zh}：{why.zh}"
        )
    if facts.ringing:
        yield ringing(facts)
    command = report_command(facts.settings)
    yield Words(f"The whole report: {command.en}", f"完整报告：{command.zh}")


def _first_remedy(cause: Cause) -> Iterator[Words]:
    if not cause.remedies:
        return
    first = cause.remedies[0]
    end = f": {first.command}" if first.command else ""
    yield Words(f"   {first.words.en}{end}", f"   {first.words.zh}{end}")


def _type_line(one: TypeFacts, now: float) -> Words:
    waiting, failed = frames(one.waiting + one.leased), one.failed
    last = one.last_success_at
    since = (
        Words(f"last success {moment(last)}", f"最后成功 {moment(last)}")
        if last
        else Words("no success is remembered", "没有成功的记录")
    )
    oldest = span(now - one.oldest_wait_at) if one.oldest_wait_at else None
    en, zh = (f" for up to {oldest.en}", f"，最久 {oldest.zh}") if oldest else ("", "")
    return Words(
        f"{one.name}: {waiting.en} waiting{en}, {failed} failed, {since.en}",
        f"{one.name}：{waiting.zh}在等待{zh}，{failed} 张失败，{since.zh}",
    )
