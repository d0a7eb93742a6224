"""Services of other machines whose endpoints lead to this server itself.

A service that registers the address 0.0.0.0 or 127.0.0.1 is called on this server, not on its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

from easyai.diagnosis.causes.cause import Remedy
from easyai.domain.reason import Reason
from easyai.health.snapshot import ServiceFacts
from easyai.system.ip_addresses import canonical_address, is_loopback

_MOST_NAMED = 5


def named_this_server(some: Sequence[ServiceFacts]) -> Iterator[Reason]:
    """The evidence: each endpoint, and the machine that registered it."""
    for service in _named_here(some)[:_MOST_NAMED]:
        yield Reason.of(
            "services.named_this_server",
            service_id=service.service_id,
            registered_from=service.registered_from,
            endpoint=service.endpoint,
        )


def register_own_address(some: Sequence[ServiceFacts]) -> Iterator[Remedy]:
    """The remedy: what to change in these services."""
    named = _named_here(some)
    if not named:
        return
    more = len(named) - _MOST_NAMED
    remedy = Reason.of(
        "remedy.register_own_address",
        wanted=tuple(map(_wanted, named[:_MOST_NAMED])),
        more=Reason.of("remedy.register_own_address.more", number=more) if more > 0 else None,
    )
    yield Remedy(remedy)


def _wanted(service: ServiceFacts) -> Reason:
    return Reason.of(
        "remedy.register_own_address.of",
        service_id=service.service_id,
        endpoint=_own_endpoint(service),
    )


def _named_here(some: Sequence[ServiceFacts]) -> list[ServiceFacts]:
    return [
        service
        for service in some
        if service.registered_from
        and not is_loopback(service.registered_from)
        and _leads_here(urlsplit(service.endpoint).hostname or "")
    ]


def _leads_here(host: str) -> bool:
    address = canonical_address(host)
    return bool(address) and (is_loopback(host) or ip_address(address).is_unspecified)


def _own_endpoint(service: ServiceFacts) -> str:
    parts = urlsplit(service.endpoint)
    address = service.registered_from
    host = f"[{address}]" if ":" in address else address
    port = f":{parts.port}" if parts.port else ""
    return parts._replace(netloc=f"{host}{port}").geturl()
