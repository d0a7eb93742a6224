"""Events for the timeline about changes of services; the subject is the service's endpoint."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

from easyai.db import events
from easyai.db.called_service import CalledService
from easyai.db.events import Event
from easyai.db.services import ServiceRow
from easyai.domain.reason import Reason
from easyai.domain.takeover import Takeover

#: The arguments of the reason of such an event: the service, and the reason of its change.
_SERVICE_ID: Final = "service_id"
_DETAIL: Final = "what"
#: The event of a service that sends heartbeats too rarely repeats at this interval.
HEARTBEAT_PACE_EVERY_SEC: Final = 3600.0
_HEARTBEAT_PACE: Final = "heartbeats_slow"


def registered(service_id: str, endpoint: str, version: str, now: float) -> Event:
    """A service registers: it is new, was unregistered, or registers again after a while."""
    detail = Reason.of("service.registered_version", version=version or "-")
    reason = Reason.of("service.event_registered", service_id=service_id, what=detail)
    return Event(now, "service_registered", endpoint, reason)


def waiting(service_id: str, endpoint: str, source: str, now: float) -> Event:
    """An unknown service waits for approval."""
    detail = Reason.of("service.asks_approval", source=source or "-")
    return Event(now, "service_waiting", endpoint, of_service(service_id, detail))


def replaced(endpoint: str, new_id: str, seen: Takeover, now: float) -> Event:
    """Another service_id takes an endpoint over; `seen` counts it since the last such event."""
    reason = Reason.of("service.event_registered", service_id=new_id, what=seen.reason)
    return Event(now, "service_replaced", endpoint, reason)


def online(row: ServiceRow | CalledService, evidence: Reason, now: float) -> Event:
    """A service is back; `row` is its row before, which has the state and its start."""
    away_sec = max(0.0, now - row.state_since)
    detail = Reason.of("service.back", evidence=evidence, was=row.state, away_sec=away_sec)
    return Event(now, "service_online", row.endpoint, of_service(row.service_id, detail))


def demoted(row: ServiceRow, state: str, reason: Reason, now: float) -> Event:
    """A service became suspect or offline."""
    return Event(now, f"service_{state}", row.endpoint, of_service(row.service_id, reason))


def unregistered(row: ServiceRow, reason: Reason, now: float) -> Event:
    """A service was unregistered; the reason names the request."""
    return Event(now, "service_unregistered", row.endpoint, of_service(row.service_id, reason))


def heartbeat_pace(row: ServiceRow, pace: Reason, now: float) -> Event:
    """A service sends heartbeats too rarely, or is in time again."""
    return Event(now, _HEARTBEAT_PACE, row.endpoint, of_service(row.service_id, pace))


def heartbeat_pauses(conn: Connection, now: float) -> dict[str, float]:
    """Seconds between the heartbeats of services that send too rarely, by endpoint; 0: unknown."""
    found = events.of_kind(conn, _HEARTBEAT_PACE, now - 1.1 * HEARTBEAT_PACE_EVERY_SEC)
    pauses = {endpoint: parts(reason)[1].get("pause_sec") for endpoint, reason in found.items()}
    return {
        endpoint: float(pause) if isinstance(pause, int | float) else 0.0
        for endpoint, pause in pauses.items()
    }


def of_service(service_id: str, detail: Reason) -> Reason:
    """The reason of an event about a service: its service_id, and the reason of its change."""
    return Reason.of("service.event", service_id=service_id, what=detail)


def parts(reason: Reason) -> tuple[str, Reason]:
    """Split the reason of an event about a service into the service_id and the detail.

    Returns '' and the reason itself for other events.
    """
    detail = reason.inner(_DETAIL)
    return (str(reason.get(_SERVICE_ID)), detail) if detail else ("", reason)
