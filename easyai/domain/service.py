"""What an algorithm service is: its states, its endpoint, when it may be called."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from easyai.errors import BadRequestError


class ServiceState(StrEnum):
    """Health of one endpoint: online → suspect → offline and back; unregistered by request only."""

    ONLINE = "online"
    SUSPECT = "suspect"  # heartbeat missing: probed, still routable, used last
    OFFLINE = "offline"  # probes failed too: not routable, probed with backoff
    UNREGISTERED = "unregistered"


AWAY = (ServiceState.SUSPECT, ServiceState.OFFLINE)  # any evidence of life brings it back
# So begins why a probe failed of one that took the connection and said nothing.
NO_ANSWER = "no answer within"
ROUTABLE = (ServiceState.ONLINE, ServiceState.SUSPECT)
# The reason of one that was registered for the first time, and has been online ever since.
REGISTERED = "registered"
_MOVED = "; moved to "  # ends the reason of an offline one whose service_id lives elsewhere now


@dataclass(frozen=True, slots=True)
class Candidate:
    """One endpoint as dispatch sees it."""

    pk: int
    endpoint: str
    service_id: str
    name: str
    suspect: bool
    in_flight: int
    free: int | None  # further requests it takes now; None: no limit of its own
    ewma_ms: float | None  # None: never measured
    call_count: int = 0


def check_endpoint(value: str) -> str:
    """A usable endpoint URL, surrounding blanks removed.

    Raises BadRequestError naming the field when it is not an http(s) URL with a host.
    """
    endpoint = value.strip()
    try:
        parts = urlsplit(endpoint)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        valid = False
    if not valid or any(character.isspace() for character in endpoint):
        raise BadRequestError(
            f"endpoint: not an http(s) URL: {endpoint[:200]!r}; "
            "send for example http://192.168.1.20:7901/infer"
        )
    return endpoint


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
