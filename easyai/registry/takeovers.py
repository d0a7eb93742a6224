"""Takeovers: another service_id registers an endpoint. The last registration wins; all count."""

from __future__ import annotations

import logging
from typing import Final

from sqlalchemy import Connection

from easyai.db import events, service_events, services
from easyai.db.services import ServiceRow
from easyai.domain.service import ServiceState
from easyai.domain.takeover import TOGETHER_SEC, Takeover, takeover

log = logging.getLogger(__name__)

_RECORD_EVERY_SEC: Final = 60.0


def before(conn: Connection, endpoint: str, service_id: str) -> ServiceRow | None:
    """The service at an endpoint; locked if its service_id differs: each takeover counts."""
    row = services.at_endpoint(conn, endpoint)
    if row is None or row.service_id == service_id:
        return row
    return services.lock(conn, [row.pk])[0]


def taken_over(found: ServiceRow | None, service_id: str, now: float) -> Takeover | None:
    """The service_id that is replaced, and how often the endpoint has changed hands lately."""
    if found is None or found.state == ServiceState.UNREGISTERED or found.service_id == service_id:
        return None
    earlier = takeover(services.reason_of(found))
    lately = abs(now - found.state_since) <= TOGETHER_SEC
    return Takeover(found.service_id, 1 + (earlier.times if earlier and lately else 0))


def record(conn: Connection, endpoint: str, service_id: str, taken: Takeover, now: float) -> None:
    """Record a takeover as an event with a count; at most an event a minute for an endpoint."""
    last = events.newest(conn, "service_replaced", endpoint, now - _RECORD_EVERY_SEC)
    recorded = takeover(service_events.parts(last[1])[1]) if last else None
    seen = Takeover(taken.before, 1 + (recorded.times if recorded else 0))
    event = service_events.replaced(endpoint, service_id, seen, now)
    if last is not None:
        events.revise(conn, last[0], event.reason)
        return
    events.add(conn, [event])
    log.warning(
        "endpoint taken over by another service_id: endpoint=%s service_id=%s before=%s times=%d; "
        "when both run, give each its own endpoint",
        endpoint,
        service_id,
        taken.before,
        taken.times,
    )
