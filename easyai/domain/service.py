"""What an algorithm service is: its states, its endpoint, when it may be called."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from easyai.domain.breaker import Breaker


class ServiceState(StrEnum):
    """Health of one endpoint: online → suspect → offline and back; unregistered by request only."""

    ONLINE = "online"
    SUSPECT = "suspect"  # heartbeat missing: probed, still routable, used last
    OFFLINE = "offline"  # probes failed too: not routable, probed with backoff
    UNREGISTERED = "unregistered"


UNLIMITED: Final = 1_000_000_000  # requests at once
AWAY = (ServiceState.SUSPECT, ServiceState.OFFLINE)  # any evidence of life brings it back
# So begins why a probe failed of one that took the connection and said nothing.
NO_ANSWER = "no answer within"
ROUTABLE = (ServiceState.ONLINE, ServiceState.SUSPECT)
# The reason of one that was registered for the first time, and has been online ever since.
REGISTERED = "registered"
_MOVED = "; moved to "  # ends the reason of an offline one whose service_id lives elsewhere now


@dataclass(slots=True)
class Candidate:
    """One endpoint as dispatch sees it: online or suspect, its breaker perhaps open."""

    pk: int
    endpoint: str
    service_id: str
    name: str
    suspect: bool
    ewma_ms: float | None  # None: never measured
    call_count: int = 0
    breaker: Breaker = field(default_factory=Breaker)
    cap: int | None = None  # requests at once, as its time-outs taught; None: no cap
    max_concurrency: int | None = None  # as it registered; None: no limit of its own
    task_types: tuple[str, ...] = ()

    def admits(self, now: float, in_flight: int) -> int:
        """How many further requests it takes; with an open breaker none, on trial one at once."""
        admitted = self.breaker.admits(now, in_flight)
        free = UNLIMITED if admitted is None else admitted
        for limit in (self.cap, self.max_concurrency):
            if limit is not None:
                free = min(free, max(0, limit - in_flight))
        return free

    def rests(self, now: float, in_flight: int) -> bool:
        """Whether its breaker lets nothing through now: open, or its one trial is under way."""
        return self.breaker.admits(now, in_flight) == 0


def is_http_url(text: str) -> bool:
    """Whether this is an http(s) URL with a host, and no blanks in it: a service can be called."""
    try:
        parts = urlsplit(text)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        return False
    return valid and not any(character.isspace() for character in text)


def with_move(reason: str, endpoint: str) -> str:
    """The reason of an offline service, and where its service_id lives now ('' : nowhere else)."""
    return f"{reason}{_MOVED}{endpoint}" if endpoint else reason


def moved_to(state_reason: str) -> str:
    """Where the service moved, by the reason of its old endpoint; '' when it did not."""
    _, moved, endpoint = state_reason.rpartition(_MOVED)
    return endpoint if moved else ""


def probe_url(endpoint: str, health_url: str | None) -> str:
    """Where a service is asked whether it lives: its health_url, else /health at its origin."""
    if health_url:
        return health_url
    parts = urlsplit(endpoint)
    return f"{parts.scheme}://{parts.netloc}/health"
