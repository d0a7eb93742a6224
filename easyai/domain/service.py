"""An algorithm service: its states, its endpoint, and when it may be called."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from easyai.domain.breaker import Breaker
from easyai.domain.reason import Reason


class ServiceState(StrEnum):
    """Health of an endpoint: online → suspect → offline and back; unregistered by request only."""

    ONLINE = "online"
    SUSPECT = "suspect"  # heartbeat missing: probed, still routable, used last
    OFFLINE = "offline"  # probes failed too: not routable, probed with backoff
    UNREGISTERED = "unregistered"


UNLIMITED: Final = 1_000_000_000  # requests at once
AWAY = (ServiceState.SUSPECT, ServiceState.OFFLINE)  # any evidence of life brings it back
#: What pages show as the state of an endpoint that its service left for another endpoint.
MOVED: Final = "moved"
#: The code of a state whose reason is a probe that failed; its argument `answer` says why.
PROBE_FAILED: Final = "service.probe_failed"
#: The code of a probe that was connected but got no answer.
NO_ANSWER: Final = "probe.no_answer"
#: The code of a probe that was not connected in time.
NO_CONNECTION: Final = "probe.no_connection"
# The codes of failed probes to which no process listens. A reset shows a process that is unwell; a
# name that does not resolve, or a refused address, may be a fault of this server.
_DESERTED: Final = frozenset(
    {NO_CONNECTION, "connection.refused", "connection.no_route", "connection.no_network"}
)
# A last answer and a last heartbeat this close belong to the same run of a service.
_SAME_RUN_SEC: Final = 2.0
ROUTABLE = (ServiceState.ONLINE, ServiceState.SUSPECT)
#: The reason of a service that registered for the first time, or again at an endpoint that it had
#: left by a move, and has been online ever since.
REGISTERED: Final = Reason("service.registered")
REGISTERED_AGAIN: Final = Reason("service.registered_again")
HEARTBEAT: Final = Reason("service.heartbeat")
#: The reason of a service that is alive without heartbeats.
PROBED: Final = Reason("service.probed")


@dataclass(slots=True)
class Candidate:
    """An endpoint for dispatch: online or suspect; its breaker may be open."""

    pk: int
    endpoint: str
    service_id: str
    name: str
    suspect: bool
    ewma_ms: float | None  # None: never measured
    call_count: int = 0
    breaker: Breaker = field(default_factory=Breaker)
    cap: int | None = None  # requests at once, learned from its time-outs; None: no cap
    max_concurrency: int | None = None  # as registered; None: no limit of its own
    task_types: tuple[str, ...] = ()

    def admits(self, now: float, in_flight: int) -> int:
        """How many further requests it takes: 0 with an open breaker, 1 at a time on trial."""
        if self.cap is None and self.max_concurrency is None and self.breaker.closed:
            return UNLIMITED  # nearly always, for each type and frame of a turn
        admitted = self.breaker.admits(now, in_flight)
        free = UNLIMITED if admitted is None else admitted
        for limit in (self.cap, self.max_concurrency):
            if limit is not None:
                free = min(free, max(0, limit - in_flight))
        return free

    def rests(self, now: float, in_flight: int) -> bool:
        """Whether its breaker lets no request through: open, or its trial is under way."""
        return self.breaker.admits(now, in_flight) == 0


def is_http_url(text: str) -> bool:
    """Whether a service can be called at this text: an http(s) URL with a host and no blanks."""
    try:
        parts = urlsplit(text)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        return False
    return valid and not any(character.isspace() for character in text)


def is_deserted(answer: Reason, endpoint: str, health_url: str | None) -> bool:
    """Whether a failed probe shows that no process listens at the endpoint.

    A probe of a health_url at another port shows nothing about the endpoint.
    """
    probed = urlsplit(probe_url(endpoint, health_url)).netloc
    return answer.code in _DESERTED and probed == urlsplit(endpoint).netloc


def outlives(heartbeat_at: float, answered_at: float) -> bool:
    """Whether a heartbeat came after a service had answered its last call; Unix seconds."""
    return heartbeat_at > answered_at + _SAME_RUN_SEC


def move_to(endpoint: str) -> Reason | None:
    """The argument `moved` in the reason of a service that is away: the id's new endpoint.

    None if there is no new endpoint ('').
    """
    return Reason.of("service.moved", endpoint=endpoint) if endpoint else None


def moved_to(state_reason: Reason) -> str:
    """The new endpoint of a service, from the reason of its old endpoint; '' if it did not move."""
    return str(state_reason.inner("moved").get("endpoint") or "")


def probe_url(endpoint: str, health_url: str | None) -> str:
    """The URL that probes a service: its health_url, else /health at the endpoint's origin."""
    if health_url:
        return health_url
    parts = urlsplit(endpoint)
    return f"{parts.scheme}://{parts.netloc}/health"
