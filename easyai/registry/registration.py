"""Registrations and heartbeats of algorithm services (contract, section 2)."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection

from easyai.db import (
    admitted_types,
    audit,
    clock,
    events,
    generations,
    registration_requests,
    service_events,
    services,
    waiting,
)
from easyai.db.events import Event
from easyai.db.registration_requests import RequestRow, key
from easyai.db.services import ServiceRow
from easyai.domain.actor import Actor
from easyai.domain.reason import Reason
from easyai.domain.service import AWAY, REGISTERED, REGISTERED_AGAIN, ServiceState, moved_to
from easyai.domain.takeover import takeover
from easyai.errors import (
    BadRequestError,
    ServiceNotFoundError,
    TooManyRequestsError,
)
from easyai.masking import hide_credentials
from easyai.messages.wording import counted
from easyai.registry import approval, slow_heartbeats, takeovers
from easyai.registry.heartbeat import Heartbeat, lookup, take
from easyai.registry.payload import Registration, parse_registration
from easyai.registry.unregistration import as_registered, endpoints_of
from easyai.runtime import Runtime
from easyai.service_http.service_networks import service_networks

log = logging.getLogger(__name__)

_EVENT_EVERY_SEC = 60.0  # between events of a client that registers again and again


def register(runtime: Runtime, payload: Any, source: str = "", most: int = 0) -> str:
    """Register an endpoint and return its service_id; replaces an earlier registration there.

    `source` is the address of the sender: the service may unregister itself from this address, and
    at most `most` services may be registered from it (0: any number). Where `registration` is
    `approve`, an unknown service waits for approval (registry/approval.py).

    Frames that wait for its task types are due at once. Raises BadRequestError, also for an
    address outside of service_networks and when its new task types exceed max_task_types, and
    TooManyRequestsError.
    """
    new = parse_registration(payload)
    networks = service_networks(runtime.settings, registering=True)
    networks.check(new.endpoint, "endpoint")
    if new.health_url:
        networks.check(new.health_url, "health_url")
    with runtime.db.write() as conn:
        if most and source:
            _check_quota(conn, new, source, most)
        waits = approval.must_wait(runtime, conn, new)
        if waits:
            approval.record_request(conn, new, source)
        else:
            woken = _enter(runtime, conn, new, source)
            registration_requests.remove(conn, [(new.service_id, new.endpoint)])
    if not waits:
        _log_registered(new)
        runtime.doorbell.ring_all(woken)  # not all: 200 useless wakes would hold up others
    return new.service_id


def approve(runtime: Runtime, name: str, by: Actor | None = None) -> list[str]:
    """Register the services that wait under a service_id or endpoint, and return their endpoints.

    The audit records `by`. Raises ServiceNotFoundError when no service of that name waits, and
    BadRequestError as `register` does; the services approved before the error stay approved.
    """
    with runtime.db.read() as conn:
        rows = registration_requests.find(conn, [as_registered(conn, lookup(name))])
    if not rows:
        raise ServiceNotFoundError(
            f"nothing waits for approval under {name!r}; the command `services --all` shows the "
            "services that wait"
        )
    # One transaction each, as in a registration: a joint transaction would lock rows in another
    # order.
    return [row.endpoint for row in rows if _approve(runtime, row, by)]


def _approve(runtime: Runtime, row: RequestRow, by: Actor | None) -> bool:
    """Register a service that waits; false when its request was withdrawn meanwhile."""
    with runtime.db.write() as conn:
        waits = {key(entry): entry for entry in registration_requests.find(conn, [row.endpoint])}
        request = waits.get(key(row))
        if request is None:
            return False
        new = approval.requested(request)
        woken = _enter(runtime, conn, new, request.registered_from)
        registration_requests.remove(conn, [key(request)])
        approved = Reason.of("action.approved", endpoints=endpoints_of([request]))
        audit.note(conn, by, "approve", approved)
    _log_registered(new)
    runtime.doorbell.ring_all(woken)
    return True


def _enter(runtime: Runtime, conn: Connection, new: Registration, source: str) -> set[str]:
    """Write a registration, and return its task types with waiting frames."""
    now = clock.now(conn)
    _take_places(runtime, conn, new, now)  # before its types count as registered
    before = takeovers.before(conn, new.endpoint, new.service_id)
    taken = takeovers.taken_over(before, new.service_id, now)
    reason = taken.reason if taken else _reason(before)
    values = {**asdict(new), "now": now, "registered_from": source}
    del values["task_types"]
    services.register(conn, values, reason, new.task_types)
    waiting.hurry(conn, new.task_types, now)
    woken = admitted_types.waiting(conn) & set(new.task_types)
    if taken is None:
        events.add(conn, _changes(new, before, now))
    else:
        takeovers.record(conn, new.endpoint, new.service_id, taken, now)
    generations.bump_registry(conn)
    return woken


def _check_quota(conn: Connection, new: Registration, source: str, most: int) -> None:
    now = clock.now(conn)
    others = registration_requests.count_from(conn, source, new.service_id, new.endpoint, now)
    if others >= most:
        raise TooManyRequestsError(
            f"register: {counted(others, 'service is', 'services are')} registered from {source}; "
            "unregister services that do not run any more, or raise easyai.services_per_source on "
            "the server"
        )


def _log_registered(new: Registration) -> None:
    log.info(
        "algorithm service registered: service_id=%s endpoint=%s task_types=%s version=%s",
        new.service_id,
        new.endpoint,
        ",".join(new.task_types),
        new.version or "-",
    )


def heartbeat_interval_sec(runtime: Runtime, payload: Any) -> float:
    """How often the service of a registration should send a heartbeat."""
    own = parse_registration(payload).heartbeat_timeout_sec
    return slow_heartbeats.expected_sec(own or runtime.settings.ai_analysis.heartbeat_timeout_sec)


def _take_places(runtime: Runtime, conn: Connection, new: Registration, now: float) -> None:
    settings = runtime.settings
    limit, always = settings.ai_analysis.max_task_types, settings.task_types
    missing = admitted_types.admit_registered(conn, new.task_types, limit, always, now)
    if missing:
        raise BadRequestError(
            f"task_types: too many: {missing} of them would be more than the max_task_types = "
            f"{limit} that this server keeps; raise ai_analysis.max_task_types, unregister "
            "services whose task types nobody needs, or send fewer"
        )


def _reason(before: ServiceRow | None) -> Reason:
    if before is None or before.state == ServiceState.UNREGISTERED:
        return REGISTERED
    reason = services.reason_of(before)
    if before.state in AWAY and moved_to(reason):
        return REGISTERED  # the service left it, so it is new again (registry/moves.py)
    kept = reason == REGISTERED or takeover(reason)
    return reason if kept and before.state == ServiceState.ONLINE else REGISTERED_AGAIN


def _changes(new: Registration, before: ServiceRow | None, now: float) -> list[Event]:
    if before is not None and before.state in AWAY:
        return [service_events.online(before, REGISTERED_AGAIN, now)]
    online = before is not None and before.state == ServiceState.ONLINE
    if before is not None and online and abs(now - before.register_at) < _EVENT_EVERY_SEC:
        return []  # some clients register with every heartbeat
    return [service_events.registered(new.service_id, new.endpoint, new.version, now)]


def heartbeat(runtime: Runtime, name: str, stats: Any = None) -> None:
    """Record a heartbeat by service_id (for all its endpoints) or by endpoint.

    Raises ServiceNotFoundError for a service never registered, or unregistered by request, and for
    an id whose last endpoints it left by a move.
    """
    if not heartbeats(runtime, [Heartbeat(name, stats)])[0]:
        raise unknown_service(name)


def heartbeats(runtime: Runtime, beats: Sequence[Heartbeat]) -> list[bool]:
    """Record heartbeats in a single transaction; returns for each whether its service is known."""
    known, woken = take(runtime, beats)
    runtime.doorbell.ring_all(woken)
    return known


def unknown_service(name: str) -> ServiceNotFoundError:
    """The answer to the heartbeat of a service that this server does not know."""
    name = hide_credentials(name)
    shown = name if len(name) <= 200 else name[:200] + "…"
    return ServiceNotFoundError(f"service not found: {shown!r}; register it again")
