"""The API, called from this machine and from other machines."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.types import ASGIApp, Receive, Scope, Send

from easyai.registry.views import service_list
from easyai.runtime import Runtime
from tests.integration.api.live import ANALYSIS, LiveApi

ELSEWHERE = "192.168.7.20"


class ClientAddress:
    """Wraps the API so that requests seem to come from `address`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.address = ELSEWHERE
        self.own = "192.168.7.1"  # the server's

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope["client"], scope["server"] = (self.address, 50000), (self.own, 5066)
        await self._app(scope, receive, send)


class Site:
    """The API, called from any address."""

    def __init__(self, runtime: Runtime, data: Path, api: LiveApi, client: ClientAddress) -> None:
        self.runtime, self.data, self.api, self.client = runtime, data, api, client

    def ask(
        self, method: str, path: str, address: str, json: Any = None, **headers: str
    ) -> tuple[int, str]:
        """Send a request from an address; returns status and text of the answer."""
        self.client.address = address
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        response = self.api.call(method, path, json=json, headers=named)
        return response.status_code, response.text

    def token(self, name: str = "operator") -> str:
        """The Authorization header with a token of the data folder."""
        return f"Bearer {(self.data / f'{name}.token').read_text()}"

    def register(self, address: str, service_id: str, endpoint: str) -> None:
        """Register a service from an address."""
        body = {"service_id": service_id, "task_types": ["t"], "endpoint": endpoint}
        assert self.ask("POST", f"{ANALYSIS}/register", address, body)[0] == 200

    def unregister(self, address: str, name: str, **headers: str) -> int:
        """Unregister a service from an address; returns the status."""
        path = f"{ANALYSIS}/unregister/{quote(name, safe='')}"
        return self.ask("DELETE", path, address, **headers)[0]

    @property
    def registered(self) -> list[str]:
        """The endpoints of all routable services."""
        return [service["endpoint"] for service in service_list(self.runtime)["services"]]
