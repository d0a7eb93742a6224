"""The SQL of the states of services over time, from their events."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Row, bindparam, text

from easyai.db import direct, reasons, service_events
from easyai.domain.reason import NO_REASON, Reason
from easyai.domain.service import AWAY, MOVED, ServiceState, moved_to
from easyai.masking import hide_credentials

#: Events that are read: where there are more, such as of a fleet that flaps, strips begin later.
MOST_EVENTS: Final = 3000
_EVENTS: Final = text("""
    SELECT id, at, kind, subject,
           kind IN ('service_suspect', 'service_offline') AND reason_args LIKE '%moved%' FROM (
        SELECT id, at, kind, subject, reason_args FROM events WHERE at >= :since AND at <= :until
         ORDER BY at DESC, id DESC LIMIT :most
    ) AS newest
     WHERE kind IN ('service_online', 'service_suspect', 'service_offline', 'service_registered',
                    'service_replaced', 'service_unregistered')
     ORDER BY at, id
""")
_REASONS: Final = text("""
    SELECT id, text, reason_code, reason_args FROM events WHERE id IN :ids
""").bindparams(bindparam("ids", expanding=True))
_READ_TO: Final = text("""
    SELECT at FROM events WHERE at >= :since AND at <= :until
     ORDER BY at DESC, id DESC LIMIT 1 OFFSET :most - 1
""")
_SERVICES: Final = text("""
    SELECT endpoint, state, state_reason, state_reason_code, state_reason_args, state_since,
           register_at
      FROM services
     WHERE state <> 'unregistered' OR state_since >= :since ORDER BY service_id, endpoint
""")
_AFTER: Final = {
    "service_online": ServiceState.ONLINE.value,
    "service_registered": ServiceState.ONLINE.value,
    "service_replaced": ServiceState.ONLINE.value,
    "service_suspect": ServiceState.SUSPECT.value,
    "service_offline": ServiceState.OFFLINE.value,
    "service_unregistered": ServiceState.UNREGISTERED.value,
}
_BEFORE: Final = {
    "service_suspect": ServiceState.ONLINE.value,
    "service_offline": ServiceState.SUSPECT.value,
    "service_unregistered": ServiceState.ONLINE.value,
    "service_replaced": ServiceState.ONLINE.value,
}


#: A service was in a state: from a moment to a moment, Unix seconds, and the state.
Span = tuple[float, float, str]
_HIDDEN: Final = ("", ServiceState.UNREGISTERED.value)
# A row of `_EVENTS`. There are thousands: objects of them would take as long as the query.
_Change = Sequence[Any]


class Changes(NamedTuple):
    """What the database has of the states of services between two moments."""

    since: float
    until: float
    of: Mapping[str, Sequence[_Change]]  # by endpoint, in order of time
    complete_since: float
    details: Mapping[int, Reason]  # by event
    services: Sequence[Row[Any]]


def read(conn: Connection, since: float, until: float) -> Changes:
    """Read the states of services between two moments (Unix seconds)."""
    values = {"since": since, "until": until, "most": MOST_EVENTS}
    of = _changes(conn, values)
    first = conn.execute(_READ_TO, values).scalar() or since
    details = _details(conn, of.values())
    services = conn.execute(_SERVICES, {"since": since}).all()
    return Changes(since, until, of, first, details, services)


def strips(changes: Changes) -> dict[str, list[Span]]:
    """The states of each service by endpoint, in order of time; passwords are hidden."""
    since, until, of, first, details, services = changes
    found = {}
    for row in services:
        endpoint = hide_credentials(row.endpoint)
        own = of.get(endpoint, [])
        begin = max(first, since)
        if not own:
            begin = max(begin, min(row.register_at, row.state_since))
            left = row.state in AWAY and moved_to(reasons.read(row, "state_reason"))
            state = MOVED if left else row.state
            found[endpoint] = [(begin, until, state)] if begin < until else []
        else:
            # A move that is found later is an event without a change of state.
            before = row.state if row.state_since <= begin else _before(own[0], details)
            found[endpoint] = _spans(own, details, before, begin, until)
    return found


def _changes(conn: Connection, values: Mapping[str, Any]) -> dict[str, list[_Change]]:
    """The changes of each service by endpoint, in order of time."""
    changes: dict[str, list[_Change]] = {}
    for change in direct.rows(conn, _EVENTS, values):
        changes.setdefault(change[3], []).append(change)
    return changes


def _details(conn: Connection, changes: Collection[Sequence[_Change]]) -> dict[int, Reason]:
    """The reasons of the first changes of services, and of those whose service may have moved."""
    wanted = {own[0][0] for own in changes}
    wanted |= {change[0] for own in changes for change in own if change[4]}
    rows = conn.execute(_REASONS, {"ids": sorted(wanted)})
    return {row.id: service_events.parts(reasons.read(row, "text", "reason"))[1] for row in rows}


def _before(first: _Change, details: Mapping[int, Reason]) -> str:
    """The state before the first change; '': not known, or not registered."""
    number, _, kind, *_ = first
    if kind == "service_online":
        return str(details.get(number, NO_REASON).get("was") or "")
    return _BEFORE.get(kind, "")


def _spans(
    changes: Sequence[_Change],
    details: Mapping[int, Reason],
    before: str,
    begin: float,
    until: float,
) -> list[Span]:
    spans: list[Span] = []
    state, since = before, begin
    for number, at, kind, _, may_have_moved in changes:
        after = _AFTER[kind]
        if may_have_moved and moved_to(details.get(number, NO_REASON)):
            after = MOVED
        if after != state:
            if at > since and state not in _HIDDEN:
                spans.append((since, at, state))
            state, since = after, at
    if until > since and state not in _HIDDEN:
        spans.append((since, until, state))
    return spans
