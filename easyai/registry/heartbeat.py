"""Heartbeats: which endpoints they are evidence of life for (docs/operating.md, "Evidence").

A heartbeat by endpoint, or by an id with a single endpoint, is evidence of life of that endpoint.
When an id has several endpoints, a heartbeat by this id does not show which endpoint sent it. It
keeps online endpoints online. It brings other endpoints back only when it ends a silence of the
id, or when no endpoint of the id is online. An endpoint that went down in spite of such heartbeats,
or that its service has left for another endpoint, needs evidence of its own: a probe, a heartbeat
by endpoint or a registration.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from easyai.db import (
    admitted_types,
    clock,
    events,
    generations,
    service_events,
    services,
    waiting,
)
from easyai.db.services import ServiceRow
from easyai.domain.service import HEARTBEAT, REGISTERED, ServiceState, moved_to
from easyai.registry import approval
from easyai.registry.payload import is_clean_text, reported_stats
from easyai.registry.slow_heartbeats import HeartbeatPace
from easyai.runtime import Runtime

log = logging.getLogger(__name__)

_LONGEST_NAME = 2000  # of a service_id or an endpoint


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A heartbeat: the service_id or endpoint of its sender, and its body (None: no body)."""

    name: str
    stats: Any = None


def take(runtime: Runtime, beats: Sequence[Heartbeat]) -> tuple[list[bool], list[str]]:
    """Record a group of heartbeats in a single transaction.

    Returns whether the service of each heartbeat is known, and the task types whose waiting frames
    became due because a service came back.
    """
    names = sorted({name for beat in beats if (name := lookup(beat.name))})
    if not names:
        return [False] * len(beats), []
    timeout_sec = runtime.settings.ai_analysis.heartbeat_timeout_sec
    with runtime.db.write(lasting=False, first=True) as conn:
        now = clock.now(conn)
        by_name = _by_name(services.find(conn, names), set(names))
        vouched = {name: _vouched(name, rows, timeout_sec, now) for name, rows in by_name.items()}
        living = {row.pk: row for rows in vouched.values() for row in rows}
        doubtful = {row.pk for rows in by_name.values() for row in rows} - living.keys()
        senders = {row.pk: row for rows in by_name.values() for row in rows}
        slow = runtime.part(HeartbeatPace).record(senders.values(), timeout_sec, now)
        if doubtful:
            services.lock(conn, [*living, *doubtful])  # two statements write them
        services.heartbeats(conn, _updates(beats, vouched), now)
        services.refresh(conn, list(doubtful), now)
        for row in _left_alone(by_name, vouched):
            services.probe_soon(conn, row.pk)
        back = [row for row in living.values() if row.state != ServiceState.ONLINE]
        events.add(conn, [service_events.online(row, HEARTBEAT, now) for row in back])
        events.add(conn, slow)
        woken = services.task_types_of(conn, sorted(row.pk for row in back))
        if woken:
            waiting.hurry(conn, woken, now)
            woken = sorted(admitted_types.waiting(conn) & set(woken))
        if back:
            generations.bump_registry(conn)
        # After the services, as everywhere: two processes never deadlock.
        waits = approval.heartbeats(conn, _perhaps_waiting(runtime, names, by_name), now)
    for row in back:
        log.info(
            "algorithm service is back: service_id=%s endpoint=%s was=%s",
            row.service_id,
            row.endpoint,
            row.state,
        )
    # An id that only has endpoints left by moves registers again, as an unregistered service does.
    known = {name for name, rows in vouched.items() if rows} | waits
    return [lookup(beat.name) in known for beat in beats], woken


def _left_alone(
    by_name: Mapping[str, Sequence[ServiceRow]], vouched: Mapping[str, Sequence[ServiceRow]]
) -> list[ServiceRow]:
    """The endpoints left by moves of ids that have no other endpoint: the sender may be theirs."""
    return [row for name, rows in by_name.items() if not vouched[name] for row in rows]


def _perhaps_waiting(
    runtime: Runtime, names: Sequence[str], registered: Collection[str]
) -> list[str]:
    """The names by which services may wait for approval."""
    if runtime.settings.easyai.registration == "approve":
        return list(names)  # an id may stand at one endpoint and wait at another
    return [name for name in names if name not in registered]


def lookup(name: str) -> str:
    """The name as a registration may hold it; '' when no registration can hold it."""
    # PostgreSQL takes no NUL.
    name = name.strip()
    return name if len(name) <= _LONGEST_NAME and is_clean_text(name) else ""


def _by_name(rows: Iterable[ServiceRow], names: set[str]) -> dict[str, list[ServiceRow]]:
    """Group the rows by the requested names only; a row may match two of them."""
    by_name: dict[str, list[ServiceRow]] = {}
    for row in rows:
        for name in names & {row.service_id, row.endpoint}:
            by_name.setdefault(name, []).append(row)
    return by_name


def _vouched(
    name: str, rows: Sequence[ServiceRow], timeout_sec: float, now: float
) -> list[ServiceRow]:
    """The endpoints under a name for which a heartbeat by this name is evidence of life."""
    # A service that moved sends its heartbeats from its new endpoint (registry/moves.py).
    rows = [row for row in rows if row.endpoint == name or not moved_to(services.reason_of(row))]
    online = [row for row in rows if row.state == ServiceState.ONLINE]
    if not online:
        return rows
    # An endpoint that was registered after another endpoint had gone may send these heartbeats
    # alone. So the endpoint that had gone comes back by its own probe.
    new = (row.state_since for row in online if services.reason_of(row) == REGISTERED)
    came_at = max(new, default=0)
    return [
        row
        for row in rows
        if row.state == ServiceState.ONLINE
        or row.endpoint == name
        or (
            abs(now - row.last_heartbeat) > (row.heartbeat_timeout_sec or timeout_sec)
            and not (row.state == ServiceState.OFFLINE and row.state_since < came_at)
        )
    ]


def _updates(
    beats: Sequence[Heartbeat], vouched: dict[str, list[ServiceRow]]
) -> list[dict[str, Any]]:
    updates = [
        {"pk": row.pk, **reported_stats(beat.stats)}
        for beat in beats
        for row in vouched.get(lookup(beat.name), ())
    ]
    updates.sort(key=lambda update: update["pk"] or 0)
    return updates
