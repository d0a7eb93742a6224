"""The SQL of events: what changed and when, for the timeline of a diagnosis."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Final

from sqlalchemy import Connection, text

from easyai.addresses import hide_credentials

_LONGEST_TEXT: Final = 500

_ADD = text("INSERT INTO events (at, kind, subject, text) VALUES (:at, :kind, :subject, :text)")
_BETWEEN = text("""
    SELECT at, kind, subject, text FROM events
     WHERE at >= :since AND at <= :until ORDER BY at DESC, id DESC LIMIT :most
""")
_NEWEST = text("""
    SELECT id, text FROM events WHERE at >= :since AND kind = :kind AND subject = :subject
     ORDER BY at DESC, id DESC LIMIT 1
""")
_OF_KIND = text("""
    SELECT subject, text FROM events WHERE at >= :since AND kind = :kind ORDER BY at, id
""")
_RETELL = text("UPDATE events SET text = :text WHERE id = :id")


@dataclass(frozen=True, slots=True)
class Event:
    """One change."""

    at: float  # Unix seconds
    kind: str  # service_offline, breaker_open, process_started, …
    subject: str  # an endpoint, a process, a check or a task type
    text: str  # what happened and why, for people


def add(conn: Connection, events: Iterable[Event]) -> None:
    """Remember what changed, in the transaction that changed it; passwords of URLs are hidden."""
    rows = [
        asdict(event) | {"subject": hide_credentials(event.subject), "text": _shown(event.text)}
        for event in events
    ]
    if rows:
        conn.execute(_ADD, rows)


def between(conn: Connection, since: float, until: float, most: int) -> list[Event]:
    """The newest events of a span of time, up to `most`, in order of time."""
    values = {"since": since, "until": until, "most": most}
    found = [Event(*row) for row in conn.execute(_BETWEEN, values)]
    return found[::-1]


def newest(conn: Connection, kind: str, subject: str, since: float) -> tuple[int, str] | None:
    """The number and text of the last of a kind since then; reads that span of time."""
    values = {"kind": kind, "subject": hide_credentials(subject), "since": since}
    row = conn.execute(_NEWEST, values).first()
    return None if row is None else (row.id, row.text)


def of_kind(conn: Connection, kind: str, since: float) -> dict[str, str]:
    """The newest text of a kind since then, by subject; reads that span of time."""
    found = conn.execute(_OF_KIND, {"kind": kind, "since": since})
    return {row.subject: row.text for row in found}


def retell(conn: Connection, number: int, said: str) -> None:
    """Tell of an event in other words: it has happened again."""
    conn.execute(_RETELL, {"id": number, "text": _shown(said)})


def _shown(said: str) -> str:
    return hide_credentials(said)[:_LONGEST_TEXT]
