"""An endpoint that another service_id registers: the last one wins, and each time counts."""

from __future__ import annotations

import logging
from typing import Final

from sqlalchemy import Connection

from easyai.db import events, service_events, services
from easyai.db.services import ServiceRow
from easyai.domain.service import ServiceState
from easyai.domain.takeover import TOGETHER_SEC, Takeover, takeover

log = logging.getLogger(__name__)

_TELL_EVERY_SEC: Final = 60.0


def before(conn: Connection, endpoint: str, service_id: str) -> ServiceRow | None:
    """What was registered at an endpoint; locked if it was another service_id: each counts."""
    found = services.at_endpoint(conn, endpoint)
    if found is None or found.service_id == service_id:
        return found
    return services.lock(conn, [found.pk])[0]


def taken_over(found: ServiceRow | None, service_id: str, now: float) -> Takeover | None:
    """In whose place it registers, and how often the endpoint has changed hands lately."""
    if found is None or found.state == ServiceState.UNREGISTERED or found.service_id == service_id:
        return None
    earlier = takeover(services.reason_of(found))
    lately = abs(now - found.state_since) <= TOGETHER_SEC
    return Takeover(found.service_id, 1 + (earlier.times if earlier and lately else 0))


def tell(conn: Connection, endpoint: str, service_id: str, taken: Takeover, now: float) -> None:
    """Note it: as an event with its number, one a minute where two fight for a year."""
    last = events.newest(conn, "service_replaced", endpoint, now - _TELL_EVERY_SEC)
    told = takeover(service_events.parts(last[1])[1]) if last else None
    seen = Takeover(taken.before, 1 + (told.times if told else 0))
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
