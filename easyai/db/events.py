"""The SQL of events: changes and their times, for the timeline of a diagnosis."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, text

from easyai.db import reasons
from easyai.domain.reason import Reason
from easyai.masking import hide_credentials

_ADD = text("""
    INSERT INTO events (at, kind, subject, text, reason_code, reason_args)
    VALUES (:at, :kind, :subject, :text, :reason_code, :reason_args)
""")
_BETWEEN = text("""
    SELECT at, kind, subject, text, reason_code, reason_args FROM events
     WHERE at >= :since AND at <= :until ORDER BY at DESC, id DESC LIMIT :most
""")
_NEWEST = text("""
    SELECT id, text, reason_code, reason_args FROM events
     WHERE at >= :since AND kind = :kind AND subject = :subject
     ORDER BY at DESC, id DESC LIMIT 1
""")
_OF_KIND = text("""
    SELECT subject, text, reason_code, reason_args FROM events
     WHERE at >= :since AND kind = :kind ORDER BY at, id
""")
_REVISE = text("""
    UPDATE events SET text = :text, reason_code = :reason_code, reason_args = :reason_args
     WHERE id = :id
""")


@dataclass(frozen=True, slots=True)
class Event:
    """A change."""

    at: float  # Unix seconds
    kind: str  # service_offline, breaker_open, process_started, …
    subject: str  # an endpoint, a process, a check or a task type
    reason: Reason  # the event and its cause


def add(conn: Connection, events: Iterable[Event]) -> None:
    """Record events, in the transaction of the change; passwords of URLs are hidden."""
    rows = [
        {"at": event.at, "kind": event.kind, "subject": hide_credentials(event.subject)}
        | _columns(event.reason)
        for event in events
    ]
    if rows:
        conn.execute(_ADD, rows)


def between(conn: Connection, since: float, until: float, most: int) -> list[Event]:
    """The newest `most` events of a span of time, in order of time."""
    values = {"since": since, "until": until, "most": most}
    events = [
        Event(row.at, row.kind, row.subject, reasons.read(row, "text", "reason"))
        for row in conn.execute(_BETWEEN, values)
    ]
    return events[::-1]


def newest(conn: Connection, kind: str, subject: str, since: float) -> tuple[int, Reason] | None:
    """The id and reason of the last event of a kind since `since`; reads that span of time."""
    values = {"kind": kind, "subject": hide_credentials(subject), "since": since}
    row = conn.execute(_NEWEST, values).first()
    return None if row is None else (row.id, reasons.read(row, "text", "reason"))


def of_kind(conn: Connection, kind: str, since: float) -> dict[str, Reason]:
    """The newest reason of a kind since `since`, by subject; reads that span of time."""
    rows = conn.execute(_OF_KIND, {"kind": kind, "since": since})
    return {row.subject: reasons.read(row, "text", "reason") for row in rows}


def revise(conn: Connection, number: int, reason: Reason) -> None:
    """Replace the reason of an event that has happened again."""
    conn.execute(_REVISE, {"id": number} | _columns(reason))


def _columns(reason: Reason) -> dict[str, str | None]:
    values = reasons.columns("text", reason, "reason")
    return values | {"text": (values["text"] or "")[: reasons.LONGEST_TEXT]}
