"""What an entry of the timeline says, in both languages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from easyai.diagnosis.timeline import Entry
from easyai.domain.words import Words
from easyai.health.facts import Facts
from easyai.messages.names import cause_name, kind_name
from easyai.messages.reasons import reason
from easyai.messages.wording import names

_SAME_SEC: Final = 60.0  # entries of one line lie this close together


def is_alarm(entry: Entry) -> bool:
    """Whether it tells of a system alarm, raised or over."""
    return entry.kind.startswith("alarm_")


def text(entry: Entry, facts: Facts) -> Words:
    """What happened; of an alarm in Chinese what and why, for its text is kept in English only."""
    if not is_alarm(entry):
        first, last = reason(entry.text), reason(entry.last)
        return Words(f"{first.en} … {last.en}", f"{first.zh} … {last.zh}") if entry.last else first
    over = f"{kind_name(entry.kind).zh}：" if entry.kind == "alarm_over" else ""
    return Words(entry.text, over + alarm(entry, facts).zh)


def alarm(entry: Entry, facts: Facts) -> Words:
    """Which alarm, of what, and the cause that stands with it; its whole text was told."""
    kinds = [kind_name(kind) for kind in sorted({_split(one)[0] for one in entry.subjects})]
    subjects = called((_split(one)[1] for one in entry.subjects), facts)
    cause = _blamed(entry, facts)
    en, zh = (f" ({cause.en})", f"（{cause.zh}）") if cause else ("", "")
    return Words(
        f"{', '.join(one.en for one in kinds)} {subjects}".strip() + en,
        f"{'、'.join(one.zh for one in kinds)} {subjects}".strip() + zh,
    )


def called(subjects: Iterable[str], facts: Facts) -> str:
    """What alarms are about; endpoints by the service_id that operators know them by."""
    services = {one.endpoint: one.service_id for one in facts.known.services} if facts.known else {}
    return names(services.get(one, one) for one in subjects if one)


def _split(subject: str) -> tuple[str, str]:
    kind, _, of = subject.partition(" ")
    return kind, of


def _blamed(entry: Entry, facts: Facts) -> Words | None:
    over = entry.kind == "alarm_over"
    causes = [
        one.cause
        for one in (facts.known.alarms if facts.known else ())
        if f"{one.kind} {one.subject}".strip() in entry.subjects
        and abs(((one.over_at if over else one.raised_at) or 0.0) - entry.at) <= _SAME_SEC
    ]
    return cause_name(causes[0]) if causes and causes[0] else None
