"""The text of an entry of the timeline."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from easyai.diagnosis.timeline import Entry
from easyai.domain.reason import NO_REASON, Reason
from easyai.health.facts import Facts

_SAME_SEC: Final = 60.0  # entries of the same line lie this close together


def is_alarm(entry: Entry) -> bool:
    """Whether the entry is a system alarm, raised or over."""
    return entry.kind.startswith("alarm_")


def event(entry: Entry) -> Reason:
    """What happened: the first of equal events, and the last event if it differs."""
    if not entry.last:
        return entry.reason
    return Reason.of("timeline.first_to_last", first=entry.reason, last=entry.last)


def alarm(entry: Entry, facts: Facts) -> Reason:
    """The kind, subjects and cause of the alarm; its whole text went to people."""
    kinds = tuple(sorted({_split(subject)[0] for subject in entry.subjects}))
    subjects = called((_split(subject)[1] for subject in entry.subjects), facts)
    cause = _blamed(entry, facts)
    return Reason.of(
        "timeline.alarm",
        kinds=kinds,
        subjects=Reason.of("timeline.alarm_subjects", names=subjects) if subjects else None,
        cause=Reason.of("timeline.alarm_cause", cause=cause) if cause else None,
    )


def called(subjects: Iterable[str], facts: Facts) -> tuple[str, ...]:
    """The subjects of alarms; the service_id, which operators know, instead of an endpoint."""
    services = facts.snapshot.services if facts.snapshot else ()
    ids = {service.endpoint: service.service_id for service in services}
    return tuple(ids.get(subject, subject) for subject in subjects if subject)


def _split(subject: str) -> tuple[str, str]:
    kind, _, of = subject.partition(" ")
    return kind, of


def _blamed(entry: Entry, facts: Facts) -> Reason:
    over = entry.kind == "alarm_over"
    causes = [
        alarm_facts.cause
        for alarm_facts in (facts.snapshot.alarms if facts.snapshot else ())
        if f"{alarm_facts.kind} {alarm_facts.subject}".strip() in entry.subjects
        and abs(((alarm_facts.over_at if over else alarm_facts.raised_at) or 0.0) - entry.at)
        <= _SAME_SEC
    ]
    return causes[0] if causes else NO_REASON
