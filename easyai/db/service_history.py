"""The SQL of the states of services over time, from their events."""

from __future__ import annotations

from typing import Final, NamedTuple

from sqlalchemy import Connection, text

from easyai.db import reasons, service_events
from easyai.domain.service import AWAY, MOVED, ServiceState, moved_to
from easyai.masking import hide_credentials

#: Events that are read: where there are more, such as of a fleet that flaps, strips begin later.
MOST_EVENTS: Final = 5000
_EVENTS: Final = text("""
    SELECT at, kind, subject, text, reason_code, reason_args FROM (
        SELECT * FROM events WHERE at >= :since AND at <= :until
         ORDER BY at DESC, id DESC LIMIT :most
    ) AS newest
     WHERE kind IN ('service_online', 'service_suspect', 'service_offline', 'service_registered',
                    'service_replaced', 'service_unregistered')
     ORDER BY at
""")
_READ_TO: Final = text("""
    SELECT at FROM events WHERE at >= :since AND at <= :until
     ORDER BY at DESC, id DESC LIMIT 1 OFFSET :most - 1
""")
_SERVICES: Final = text("""
    SELECT endpoint, state, state_since, register_at FROM services
     WHERE state <> 'unregistered' OR state_since >= :since ORDER BY service_id, endpoint
""")
_AFTER: Final = {
    "service_online": ServiceState.ONLINE,
    "service_registered": ServiceState.ONLINE,
    "service_replaced": ServiceState.ONLINE,
    "service_suspect": ServiceState.SUSPECT,
    "service_offline": ServiceState.OFFLINE,
    "service_unregistered": ServiceState.UNREGISTERED,
}
_BEFORE: Final = {
    "service_suspect": ServiceState.ONLINE,
    "service_offline": ServiceState.SUSPECT,
    "service_unregistered": ServiceState.ONLINE,
    "service_replaced": ServiceState.ONLINE,
}


class Span(NamedTuple):
    """A service was in a state from a moment to a moment, Unix seconds."""

    since: float
    until: float
    state: str


class _Change(NamedTuple):
    at: float
    before: str  # '': not known, or not registered
    after: str


def strips(conn: Connection, since: float, until: float) -> dict[str, list[Span]]:
    """The states of each service by endpoint, in order of time; passwords are hidden."""
    changes, first = _changes(conn, since, until)
    found = {}
    for row in conn.execute(_SERVICES, {"since": since}):
        endpoint = hide_credentials(row.endpoint)
        own = changes.get(endpoint, [])
        begin = max(first, since)
        if not own:
            begin = max(begin, min(row.register_at, row.state_since))
            found[endpoint] = [Span(begin, until, row.state)] if begin < until else []
        else:
            found[endpoint] = list(_spans(own, begin, until))
    return found


def _changes(
    conn: Connection, since: float, until: float
) -> tuple[dict[str, list[_Change]], float]:
    """The changes of each service, and from when on they are complete."""
    values = {"since": since, "until": until, "most": MOST_EVENTS}
    changes: dict[str, list[_Change]] = {}
    for row in conn.execute(_EVENTS, values):
        before, after = _BEFORE.get(row.kind, ""), str(_AFTER[row.kind])
        _, detail = service_events.parts(reasons.read(row, "text", "reason"))
        if row.kind == "service_online":
            before = str(detail.get("was") or "")
        elif after in AWAY and moved_to(detail):
            after = MOVED
        change = _Change(row.at, before, after)
        changes.setdefault(row.subject, []).append(change)
    return changes, conn.execute(_READ_TO, values).scalar() or since


def _spans(changes: list[_Change], begin: float, until: float) -> list[Span]:
    spans = [Span(begin, changes[0].at, changes[0].before)] if changes[0].before else []
    ends = [*(change.at for change in changes[1:]), until]
    for change, end in zip(changes, ends, strict=True):
        if spans and spans[-1].state == change.after and spans[-1].until == change.at:
            spans[-1] = spans[-1]._replace(until=end)
        else:
            spans.append(Span(change.at, end, change.after))
    hidden = ServiceState.UNREGISTERED
    return [span for span in spans if span.until > span.since and span.state != hidden]
