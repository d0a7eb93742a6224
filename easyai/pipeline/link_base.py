"""The start of a picture link as a service can open it, where no setting names it."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from easyai.pipeline.service_networks import own_address
from easyai.settings import Easyai
from easyai.settings_tables import ANY_ADDRESS
from easyai.supervised import awaited_api


def fitted(link: str, endpoint: str, own: Easyai) -> str:
    """A picture link under the address of this machine that the service at an endpoint can reach.

    A server that listens on every address is reached by each service under another one: that from
    which this machine sends to the service. Only beside the API of `easyai up` is it known that
    the API is on this machine. An endpoint whose host is a name keeps the link: a look-up may hang.
    """
    base = own.effective_public_url
    known = own.host in ANY_ADDRESS and not own.public_url and awaited_api() is not None
    if not known or not link.startswith(f"{base}/"):
        return link
    try:
        service = ip_address(urlsplit(endpoint).hostname or "")
    except ValueError:
        return link
    if service.is_loopback or (service.version == 6 and own.host == "0.0.0.0"):  # noqa: S104
        return link
    address = own_address(service)
    if address is None:
        return link
    host = f"[{address}]" if address.version == 6 else str(address)
    return f"http://{host}:{own.port}{link.removeprefix(base)}"
