"""Checks whether services can open, from their endpoints, the picture links of this server."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from easyai.domain.reason import NO_REASON, Reason
from easyai.errors import EasyaiError
from easyai.masking import hide_credentials
from easyai.settings.schema import ANY_ADDRESS

if TYPE_CHECKING:
    from easyai.settings.schema import Settings

_Address = IPv4Address | IPv6Address


def link_warnings(
    settings: Settings, endpoints: Iterable[str] | None = None, *, fitted: bool = False
) -> list[Reason]:
    """A warning when there are endpoints from which no picture link can be opened.

    `endpoints`: the registered endpoints; None reads them from the database, if a database answers.
    Endpoints in the settings count as well. The check compares addresses only and looks up no
    names. A server of pictures makes links of its own. `fitted`: for `easyai up`, whose worker fits
    links to each endpoint when the API listens on every address (pipeline/link_base.py).
    """
    if not settings.frame_extractor.api_serves_pictures:
        return []
    own = settings.easyai
    if fitted and own.host in ANY_ADDRESS and not own.public_url:
        return []
    listed = registered(settings) if endpoints is None else endpoints
    preferred = (task.preferred_algorithm_endpoint for task in settings.frame_extractor.tasks)
    base = own.effective_public_url
    return list(_warnings(base, sorted({*listed, *filter(None, preferred)})))


def registered(settings: Settings) -> list[str]:
    """The endpoints of services that may be sent frames; empty when no database answers."""
    # Imported here: --help, and settings without services, do not need it.
    from easyai.cli.output import missing_database
    from easyai.db.services import all_services
    from easyai.db.session import Database
    from easyai.domain.service import ServiceState

    if missing_database(settings):
        return []
    db = Database(settings.easyai.effective_database_url)
    try:
        with suppress(EasyaiError), db.read() as conn:
            rows = all_services(conn)
            return [row.endpoint for row in rows if row.state != ServiceState.UNREGISTERED]
    finally:
        db.dispose()
    return []


def _warnings(base: str, endpoints: list[str]) -> Iterator[Reason]:
    link = _address(base)
    if link is None:
        return
    reasons = {endpoint: _why_not(link, _address(endpoint)) for endpoint in endpoints}
    for reason in dict.fromkeys(filter(None, reasons.values())):
        there = [hide_credentials(endpoint) for endpoint, why in reasons.items() if why == reason]
        yield Reason.of("warning.links_not_opened", base=base, why=reason, endpoints=tuple(there))


def _why_not(link: _Address, endpoint: _Address | None) -> Reason:
    """Why a service at this address cannot open the link; no reason if it may be able to."""
    if endpoint is None or endpoint.is_loopback or _is_of_this_machine(endpoint):
        return NO_REASON
    if link.is_loopback:
        return Reason("warning.link_of_this_machine")
    if link.version != endpoint.version:
        return Reason.of("warning.link_of_version", version=link.version)
    return NO_REASON


def _address(url: str) -> _Address | None:
    """The address in a URL; None for a host name, which may stand for any address."""
    try:
        host = urlsplit(url).hostname or ""
        return ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        return None


def _is_of_this_machine(address: _Address) -> bool:
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))  # sends nothing
    except OSError:
        return False
    return True
