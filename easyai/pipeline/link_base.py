"""Finds the base URL of picture links that a service can open, if no setting gives it."""

from __future__ import annotations

import asyncio
import time
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from easyai.process.supervisor_link import awaited_api
from easyai.service_http.service_networks import Address, own_address, resolve
from easyai.settings.schema import ANY_ADDRESS, Easyai

_LOOK_UP_EVERY_SEC: Final = 30.0  # as long as the HTTP client caches a name
# Also until a name resolves: meanwhile a service may get links that it cannot open.
_LOOK_AGAIN_SEC: Final = 1.0
_MOST_KNOWN: Final = 1000  # endpoints: they come and go for years


class LinkBases:
    """The base URLs under which services reach this server's pictures; for a single event loop."""

    def __init__(self) -> None:
        self._names: dict[str, _Name] = {}
        self._found: dict[str, tuple[float, str]] = {}  # by endpoint: until when (monotonic), base

    async def of(self, endpoint: str, own: Easyai) -> str:
        """The base URL of picture links for the service at an endpoint.

        If the server listens on every address, each service may reach it under a different address:
        the address from which this machine sends to the service. Only `easyai up` knows that the
        API is on this machine; any other process uses the configured URL.
        """
        usual = own.effective_public_url
        if own.host not in ANY_ADDRESS or own.public_url or awaited_api() is None:
            return usual
        due, base = self._found.get(endpoint, (0.0, usual))
        if time.monotonic() >= due:
            base = await self._find(endpoint, own, usual)
            if len(self._found) >= _MOST_KNOWN:
                self._found.clear()
                self._names.clear()
            self._found[endpoint] = (time.monotonic() + _LOOK_AGAIN_SEC, base)
        return base

    async def _find(self, endpoint: str, own: Easyai, usual: str) -> str:
        services = await self._addresses(urlsplit(endpoint).hostname or "")
        if any(service.is_loopback for service in services):
            return usual
        reached = (
            service_address
            for service_address in services
            if service_address.version == 4 or own.host != "0.0.0.0"  # noqa: S104
        )
        address = next(filter(None, map(own_address, reached)), None)
        if address is None:
            return usual
        host = f"[{address}]" if address.version == 6 else str(address)
        return f"http://{host}:{own.port}"

    async def _addresses(self, host: str) -> tuple[Address, ...]:
        try:
            return (ip_address(host),)
        except ValueError:
            return await self._names.setdefault(host, _Name(host)).addresses()


class _Name:
    """The addresses of a host name, looked up once for all calls that wait."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._lock = asyncio.Lock()
        self._known: tuple[Address, ...] = ()
        self._due = 0.0  # monotonic

    async def addresses(self) -> tuple[Address, ...]:
        """The addresses of the name; after a failed look-up, the last known addresses."""
        async with self._lock:
            if time.monotonic() >= self._due:
                resolved = await asyncio.to_thread(resolve, self._host)
                self._known = tuple(map(ip_address, resolved)) or self._known
                rest_sec = _LOOK_UP_EVERY_SEC if self._known else _LOOK_AGAIN_SEC
                self._due = time.monotonic() + rest_sec
            return self._known


def rebased(link: str, usual: str, base: str) -> str:
    """A picture link with `base` in place of `usual`; links of an object store do not change."""
    return f"{base}{link.removeprefix(usual)}" if link.startswith(f"{usual}/") else link
