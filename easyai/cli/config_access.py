"""What the configuration allows over REST, and to whom."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from easyai.domain.reason import Reason
from easyai.settings.schema import Easyai
from easyai.system.ip_addresses import is_loopback


def open_to(own: Easyai) -> list[Reason]:
    """The rights over REST, a sentence for each."""
    return list(_rights(own))


def _rights(own: Easyai) -> Iterator[Reason]:
    public = urlsplit(own.public_url).hostname or own.host
    if _is_here(own.host) and _is_here(public):
        yield Reason.of("rights.no_other_machine", host=own.host)
        yield Reason("rights.this_machine")
        return
    if _is_here(own.host):
        yield Reason.of("rights.gateway", name=public)
    looked_at = "rights.open_but_alerts" if own.viewers == "token" else "rights.open"
    approval = Reason("rights.approval") if own.registration == "approve" else None
    yield Reason.of(
        "rights.any_machine", port=own.port, approval=approval, looked_at=Reason(looked_at)
    )
    if own.viewers == "token":
        yield Reason.of("rights.viewer", token=_place("viewer", own))
    yield Reason.of("rights.operator", token=_place("operator", own))
    yield Reason("rights.this_machine_too")


def _is_here(host: str) -> bool:
    return host == "localhost" or is_loopback(host)


def _place(name: str, own: Easyai) -> str:
    """The key of a token, or the file if the key is not set."""
    token = own.viewer_token if name == "viewer" else own.operator_token
    return f"easyai.{name}_token" if token.get_secret_value() else f"{own.data_dir / name}.token"
