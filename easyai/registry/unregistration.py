"""Unregistration by request: by service_id, by endpoint, or of all (contract, section 2)."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from sqlalchemy import Connection

from easyai.db import (
    audit,
    clock,
    events,
    generations,
    registration_requests,
    service_events,
    services,
)
from easyai.db.registration_requests import RequestRow, key
from easyai.db.services import ServiceRow
from easyai.domain.actor import Actor
from easyai.domain.reason import Reason
from easyai.domain.service import ServiceState
from easyai.errors import BadRequestError, ForbiddenError, ServiceNotFoundError
from easyai.masking import HIDDEN, hide_credentials
from easyai.registry.heartbeat import lookup
from easyai.runtime import Runtime
from easyai.system.ip_addresses import canonical_address

log = logging.getLogger(__name__)

_MOST_NAMED = 10  # services in the audit entry of an action


def unregister(
    runtime: Runtime, name: str, source: str | None = None, by: Actor | None = None
) -> int:
    """Unregister every endpoint of a service_id, or a single endpoint; returns how many.

    They stay unregistered until they register again. A `source` limits this to endpoints at that
    address. The audit records `by`. Raises ServiceNotFoundError, and ForbiddenError when all
    endpoints belong to other machines.
    """
    with runtime.db.write() as conn:
        known = as_registered(conn, lookup(name))
        names = [known] if known else []
        registered = services.find(conn, names)
        waits = registration_requests.find(conn, names)
        removed = [row for row in registered if source is None or is_at(row, source)]
        withdrawn = [row for row in waits if source is None or is_at(row, source)]
        if (registered or waits) and not (removed or withdrawn):
            raise _not_theirs(source)
        by_name = "endpoint" if any(row.endpoint == known for row in removed) else "service_id"
        _take_out(conn, removed, Reason.of("service.unregistered", by=by_name))
        registration_requests.remove(conn, map(key, withdrawn))
        if removed or withdrawn:
            audit.note(conn, by, "unregister", _taken_out([*removed, *withdrawn]))
    if not (removed or withdrawn):
        raise ServiceNotFoundError
    _log_unregistered(removed)
    return len(removed) + len(withdrawn)


def _not_theirs(source: str | None) -> ForbiddenError:
    if source:
        return ForbiddenError("unregister: the service was not registered from this address")
    return ForbiddenError(
        "unregister: the proxy in front of this server does not show from which address this "
        "request comes: let the proxy send X-Forwarded-For"
    )


def as_registered(conn: Connection, name: str) -> str:
    """The endpoint behind a name with a hidden password; any other name as it is.

    Raises BadRequestError when several endpoints look like the name with their passwords hidden.
    """
    if HIDDEN not in name:
        return name
    rows = [*services.all_services(conn), *registration_requests.all_requests(conn)]
    endpoints = {str(row.endpoint) for row in rows if hide_credentials(row.endpoint) == name}
    if len(endpoints) > 1:
        raise BadRequestError(f"{name!r} stands for several endpoints; send the service_id")
    return endpoints.pop() if endpoints else name


def is_at(row: ServiceRow | RequestRow, source: str) -> bool:
    """Whether an endpoint was registered from an address or has this address as its host.

    True as well when an older release registered the endpoint, which stored no address, and its
    host is a name.
    """
    host = urlsplit(row.endpoint).hostname or ""
    unknown = not row.registered_from and not canonical_address(host)
    return bool(source) and (unknown or source in (row.registered_from, canonical_address(host)))


def clear_all(runtime: Runtime, by: Actor | None = None) -> int:
    """Unregister every service, and drop waiting requests; returns how many were registered.

    The audit records `by`.
    """
    with runtime.db.write() as conn:
        rows = services.all_services(conn)
        registered = [row for row in rows if row.state != ServiceState.UNREGISTERED]
        _take_out(conn, registered, Reason("service.all_cleared"))
        registration_requests.remove(conn, map(key, registration_requests.all_requests(conn)))
        audit.note(conn, by, "clear_all", _taken_out(registered))
    _log_unregistered(registered)
    return len(registered)


def _taken_out(rows: Sequence[ServiceRow | RequestRow]) -> Reason:
    return Reason.of("action.unregistered", endpoints=endpoints_of(rows))


def endpoints_of(rows: Sequence[ServiceRow | RequestRow]) -> Reason:
    """How many endpoints, and of which services, for the audit entry of an action."""
    names = sorted({row.service_id for row in rows}) or ["-"]
    more = ("…",) if len(names) > _MOST_NAMED else ()
    return Reason.of("action.endpoints", n=len(rows), services=(*names[:_MOST_NAMED], *more))


def _take_out(conn: Connection, rows: Sequence[ServiceRow], reason: Reason) -> None:
    if not rows:
        return
    pks, now = [row.pk for row in rows], clock.now(conn)
    services.lock(conn, pks)
    services.set_state(conn, pks, ServiceState.UNREGISTERED, reason, now)
    events.add(conn, [service_events.unregistered(row, reason, now) for row in rows])
    generations.bump_registry(conn)


def _log_unregistered(rows: Iterable[ServiceRow]) -> None:
    for row in rows:
        log.info(
            "algorithm service unregistered: service_id=%s endpoint=%s",
            row.service_id,
            row.endpoint,
        )
