"""The SQL of events: what changed and when, for the timeline of a diagnosis."""

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
    """One change."""

    at: float  # Unix seconds
    kind: str  # service_offline, breaker_open, process_started, …
    subject: str  # an endpoint, a process, a check or a task type
    reason: Reason  # what happened and why


def add(conn: Connection, events: Iterable[Event]) -> None:
    """Remember what changed, in the transaction that changed it; passwords of URLs are hidden."""
    rows = [
        {"at": event.at, "kind": event.kind, "subject": hide_credentials(event.subject)}
        | _columns(event.reason)
        for event in events
    ]
    if rows:
        conn.execute(_ADD, rows)


def between(conn: Connection, since: float, until: float, most: int) -> list[Event]:
    """The newest events of a span of time, up to `most`, in order of time."""
    values = {"since": since, "until": until, "most": most}
    found = [
        Event(row.at, row.kind, row.subject, reasons.read(row, "text", "reason"))
        for row in conn.execute(_BETWEEN, values)
    ]
    return found[::-1]


def newest(conn: Connection, kind: str, subject: str, since: float) -> tuple[int, Reason] | None:
    """The number and reason of the last of a kind since then; reads that span of time."""
    values = {"kind": kind, "subject": hide_credentials(subject), "since": since}
    row = conn.execute(_NEWEST, values).first()
    return None if row is None else (row.id, reasons.read(row, "text", "reason"))


def of_kind(conn: Connection, kind: str, since: float) -> dict[str, Reason]:
    """The newest reason of a kind since then, by subject; reads that span of time."""
    found = conn.execute(_OF_KIND, {"kind": kind, "since": since})
    return {row.subject: reasons.read(row, "text", "reason") for row in found}


def revise(conn: Connection, number: int, reason: Reason) -> None:
    """Give an event another reason: it has happened again."""
    conn.execute(_REVISE, {"id": number} | _columns(reason))


def _columns(reason: Reason) -> dict[str, str | None]:
    values = reasons.columns("text", reason, "reason")
    return values | {"text": (values["text"] or "")[: reasons.LONGEST_TEXT]}
