"""What changed around a standstill: events in order of time, equal events as a single line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection

from easyai.db import events, service_events
from easyai.db.events import Event
from easyai.domain.reason import NO_REASON, Arg, Reason
from easyai.domain.takeover import takeover
from easyai.health.facts import Facts

_INSTALLED: Final = "installed"  # a marker, not a change of state
AROUND_SEC: Final = 600.0  # before and after the moment of interest
_MOST_AROUND: Final = 1000
_MOST_NEWEST: Final = 100
_NEWEST_SEC: Final = 86_400.0
_TOGETHER_SEC: Final = 60.0  # equal events this close share a line
_MOST_TIMES: Final = 10_000
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


@dataclass(slots=True)
class Entry:
    """A line: something that happened to a subject, or to many at about the same time."""

    at: float
    kind: str
    reason: Reason  # of the first event, without its subject
    subjects: list[str] = field(default_factory=list)
    until: float = 0.0  # when the last event happened
    last: Reason = NO_REASON  # of the last event, if its numbers differ from the first's

    @property
    def count(self) -> int:
        """How many subjects it happened to, or how often."""
        return len(self.subjects)


def around(conn: Connection, moment: float, now: float) -> list[Entry]:
    """The changes some minutes around a moment, and the newest changes of the last day."""
    near = events.between(conn, moment - AROUND_SEC, moment + AROUND_SEC, _MOST_AROUND)
    newest = events.between(conn, now - _NEWEST_SEC, now + AROUND_SEC, _MOST_NEWEST)
    known = set(near)
    selected = [*near, *(event for event in newest if event not in known)]
    return collapsed(sorted((event for event in selected if event.kind != _INSTALLED), key=_at))


def moment_of_interest(facts: Facts) -> float:
    """The centre of the timeline: the last success before a standstill, else the newest alarm."""
    stalled = [
        task_type.last_success_at or facts.stalled_since(task_type) for task_type in facts.stalled
    ]
    if stalled:
        return min(stalled)
    alarms = facts.snapshot.alarms if facts.snapshot else ()
    return max((alarm.raised_at for alarm in alarms), default=facts.now)


def collapsed(ordered: Iterable[Event]) -> list[Entry]:
    """Merge equal events that lie close together into an entry; their numbers may differ.

    An event does not join an entry that began before something else happened to its subject. So
    the entries show the events of each subject in their order.
    """
    entries: list[Entry] = []
    open_entries: dict[tuple[str, Arg], tuple[int, Entry]] = {}  # number of the first event, entry
    happened: dict[str, dict[str, int]] = {}  # by subject and kind: the number of the last event
    for number, event in enumerate(ordered):
        who, reason, times = _summary(event)
        key = (event.kind, _without_numbers(reason))
        own = happened.setdefault(event.subject, {}) if event.subject else {}
        other = max((last for kind, last in own.items() if kind != event.kind), default=-1)
        own[event.kind] = number
        first, entry = open_entries.get(key, (number, None))
        if entry is None or event.at - entry.until > _TOGETHER_SEC or other > first:
            entry = Entry(event.at, event.kind, reason)
            open_entries[key] = number, entry
            entries.append(entry)
        entry.subjects += [who] * times
        entry.until = event.at
        entry.last = reason if reason != entry.reason else NO_REASON
    return entries


def newest(entries: Sequence[Entry], moment: float, most: int) -> list[Entry]:
    """At most `most` entries: half of them the newest, the others nearest to the moment."""
    if len(entries) <= most:
        return list(entries)
    late = list(entries[-(most // 2) :])
    early = sorted(entries[: -(most // 2)], key=lambda entry: abs(entry.at - moment))
    chosen = early[: most - len(late)] + late
    return sorted(chosen, key=lambda entry: entry.at)


def _at(event: Event) -> float:
    return event.at


def _without_numbers(value: Arg) -> Arg:
    """A reason without its numbers, including the numbers in the texts that it quotes."""
    match value:
        case Reason():
            args = tuple((name, _without_numbers(arg)) for name, arg in value.args)
            return Reason(value.code, args)
        case tuple():
            return tuple(map(_without_numbers, value))
        case str():
            return _NUMBER.sub("#", value)
        case int() | float():
            return 0
    return value


def _summary(event: Event) -> tuple[str, Reason, int]:
    """The subject (its service_id, if the reason has it), what happened to it, and how often."""
    service_id, event_reason = service_events.parts(event.reason)
    who, taken = service_id or event.subject, takeover(event_reason)
    if taken is None:
        return who, event_reason, 1
    return who, taken._replace(times=1).reason, min(taken.times, _MOST_TIMES)
