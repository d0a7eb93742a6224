"""The SQL of events: what changed and when, for the timeline of a diagnosis."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Final

from sqlalchemy import Connection, text

_LONGEST_TEXT: Final = 500

_ADD = text("INSERT INTO events (at, kind, subject, text) VALUES (:at, :kind, :subject, :text)")
_BETWEEN = text("""
    SELECT at, kind, subject, text FROM events
     WHERE at >= :since AND at <= :until ORDER BY at DESC, id DESC LIMIT :most
""")
_ANY_SINCE = text("""
    SELECT 1 FROM events WHERE at >= :since AND kind = :kind AND subject = :subject LIMIT 1
""")


@dataclass(frozen=True, slots=True)
class Event:
    """One change."""

    at: float  # Unix seconds
    kind: str  # service_offline, breaker_open, process_started, …
    subject: str  # an endpoint, a process, a check or a task type
    text: str  # what happened and why, for people


def add(conn: Connection, events: Iterable[Event]) -> None:
    """Remember what changed, in the transaction that changed it."""
    rows = [asdict(event) | {"text": event.text[:_LONGEST_TEXT]} for event in events]
    if rows:
        conn.execute(_ADD, rows)


def between(conn: Connection, since: float, until: float, most: int) -> list[Event]:
    """The newest events of a span of time, up to `most`, in order of time."""
    values = {"since": since, "until": until, "most": most}
    found = [Event(*row) for row in conn.execute(_BETWEEN, values)]
    return found[::-1]


def any_since(conn: Connection, kind: str, subject: str, since: float) -> bool:
    """Whether something of a kind happened to a subject since then; reads that span of time."""
    values = {"kind": kind, "subject": subject, "since": since}
    return conn.execute(_ANY_SINCE, values).first() is not None
