"""What the configuration allows over REST, and to whom."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from easyai.settings.schema import Easyai
from easyai.system.ip_addresses import is_loopback


def open_to(own: Easyai) -> list[str]:
    """Sentences about the rights over REST."""
    return list(_sentences(own))


def _sentences(own: Easyai) -> Iterator[str]:
    public = urlsplit(own.public_url).hostname or own.host
    if _is_here(own.host) and _is_here(public):
        yield f"no other machine reaches the API: easyai.host is {own.host}"
        yield "programs of this machine may do everything without a token"
        return
    if _is_here(own.host):
        yield (
            "other machines reach the API through a gateway on this machine (easyai.public_url "
            f"names {public}): let the gateway send X-Forwarded-For, or its requests count as "
            "requests of this machine"
        )
    viewed = "alerts and the diagnosis"
    looks = (
        "services and statistics" if own.viewers == "token" else f"services, statistics, {viewed}"
    )
    asked = " (unknown services wait for approval)" if own.registration == "approve" else ""
    yield (
        f"any machine that reaches port {own.port} may register services{asked}, send heartbeats, "
        f"unregister a service from where it was registered, and look at {looks}, without a token"
    )
    if own.viewers == "token":
        yield f"{_held('viewer', own)} may look at {viewed}"
    yield (
        f"{_held('operator', own)} may clear all services, unregister any service, delete alerts, "
        "discard frames and reset statistics"
    )
    yield "programs of this machine may do all of that without a token"


def _is_here(host: str) -> bool:
    return host == "localhost" or is_loopback(host)


def _held(name: str, own: Easyai) -> str:
    token = own.viewer_token if name == "viewer" else own.operator_token
    where = f"easyai.{name}_token" if token.get_secret_value() else own.data_dir / f"{name}.token"
    return f"who sends the {name}'s token ({where}) as 'Authorization: Bearer TOKEN'"
