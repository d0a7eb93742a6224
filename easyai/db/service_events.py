"""What changes of a service, told as events for the timeline; the subject is its endpoint."""

from __future__ import annotations

from easyai.db.events import Event
from easyai.db.services import ServiceRow
from easyai.domain.reason import quoted
from easyai.domain.takeover import Takeover


def registered(service_id: str, endpoint: str, version: str, now: float) -> Event:
    """A service that is new, was unregistered, or registers again after a while."""
    text = f"service_id={service_id} registered, version {version or '-'}"
    return Event(now, "service_registered", endpoint, quoted(text))


def waiting(service_id: str, endpoint: str, source: str, now: float) -> Event:
    """A service that is not known waits for approval."""
    text = f"service_id={service_id}: waits for approval, asked from {source or '-'}"
    return Event(now, "service_waiting", endpoint, quoted(text))


def replaced(endpoint: str, new_id: str, seen: Takeover, now: float) -> Event:
    """Another service_id takes an endpoint over, so often since the last such event."""
    return Event(now, "service_replaced", endpoint, quoted(f"service_id={new_id} {seen.reason}"))


def online(row: ServiceRow, evidence: str, now: float) -> Event:
    """A service is back; `row` is how it stood before, for how long it was away."""
    away_sec = max(0.0, now - row.state_since)
    text = f"service_id={row.service_id}: {evidence}; it was {row.state} for {away_sec:.0f} s"
    return Event(now, "service_online", row.endpoint, quoted(text))


def demoted(row: ServiceRow, state: str, reason: str, now: float) -> Event:
    """A service became suspect or offline."""
    return Event(
        now, f"service_{state}", row.endpoint, quoted(f"service_id={row.service_id}: {reason}")
    )


def unregistered(row: ServiceRow, reason: str, now: float) -> Event:
    """A service was taken out; the reason says which request did it."""
    text = f"service_id={row.service_id}: {reason}"
    return Event(now, "service_unregistered", row.endpoint, quoted(text))
