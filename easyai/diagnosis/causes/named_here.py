"""Services of other machines whose endpoints lead to this server itself.

A service that listens on 0.0.0.0 and registers that, or 127.0.0.1, is called here, not there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

from easyai.diagnosis.causes.cause import Remedy
from easyai.domain.words import Words
from easyai.health.snapshot import ServiceFacts
from easyai.system.ip_addresses import canonical_address, is_loopback

_MOST_NAMED = 5


def named_this_server(some: Sequence[ServiceFacts]) -> Iterator[Words]:
    """The evidence: each endpoint, and the machine that it was registered from."""
    for one in _named_here(some)[:_MOST_NAMED]:
        yield Words(
            f"{one.service_id} was registered from {one.registered_from} with the endpoint "
            f"{one.endpoint}, which leads to this server itself",
            f"{one.service_id} 从 {one.registered_from} 注册，但其 endpoint {one.endpoint} "
            "指向的是本服务器自身",
        )


def register_own_address(some: Sequence[ServiceFacts]) -> Iterator[Remedy]:
    """What to change in those services."""
    found = _named_here(some)
    if not found:
        return
    wanted = ", ".join(f"{one.service_id}: {_own_endpoint(one)}" for one in found[:_MOST_NAMED])
    more = len(found) - _MOST_NAMED
    yield Remedy(
        Words(
            "Let the service register the address at which this server reaches it, not the one it "
            f"listens on ({wanted}{f' and {more} more' if more > 0 else ''})",
            "让服务注册本服务器能访问到的地址，而不是它监听的地址"
            f"（{wanted}{f'，另有 {more} 个' if more > 0 else ''}）",
        )
    )


def _named_here(some: Sequence[ServiceFacts]) -> list[ServiceFacts]:
    return [
        one
        for one in some
        if one.registered_from
        and not is_loopback(one.registered_from)
        and _leads_here(urlsplit(one.endpoint).hostname or "")
    ]


def _leads_here(host: str) -> bool:
    address = canonical_address(host)
    return bool(address) and (is_loopback(host) or ip_address(address).is_unspecified)


def _own_endpoint(one: ServiceFacts) -> str:
    parts = urlsplit(one.endpoint)
    host = f"[{one.registered_from}]" if ":" in one.registered_from else one.registered_from
    port = f":{parts.port}" if parts.port else ""
    return parts._replace(netloc=f"{host}{port}").geturl()
