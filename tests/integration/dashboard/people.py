"""People at browsers of other machines, who log in to the dashboard."""

from __future__ import annotations

from typing import Any

import requests

from easyai.dashboard.dashboard_app import create_app
from easyai.runtime import Runtime
from tests.integration.api.anywhere import ELSEWHERE, ClientAddress
from tests.integration.api.live import LiveApi

SESSION = "/api/v1/session"


class AnyAddress(ClientAddress):
    """The dashboard, called from an address; WebSockets too."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            scope["client"], scope["server"] = (self.address, 50000), (self.own, 5066)
        await super().__call__(scope, receive, send)


class Dashboard(LiveApi):
    """A running API with the dashboard, called from another machine unless `address` is set."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.client = AnyAddress(create_app(runtime))
        super().__init__(self.client)

    def token(self, name: str = "operator") -> str:
        """A token of the data folder."""
        return (self.runtime.settings.easyai.data_dir / f"{name}.token").read_text().strip()

    def browser(self, address: str = ELSEWHERE) -> Browser:
        """A browser without a session."""
        return Browser(self, address)


class Browser:
    """Keeps cookies, and sends the session's token with each change, as the page does."""

    def __init__(self, site: Dashboard, address: str) -> None:
        self._site, self._address = site, address
        self.session = requests.Session()
        self.csrf = ""

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        """Send a request."""
        self._site.client.address = self._address
        headers = {"X-CSRF-Token": self.csrf} | options.pop("headers", {})
        return self.session.request(
            method, self._site.url + path, headers=headers, timeout=15, **options
        )

    def state(self) -> dict[str, Any]:
        """What the server knows of the person."""
        state: dict[str, Any] = self.call("GET", SESSION).json()
        return state

    def login(self, token: str, name: str = "") -> requests.Response:
        """Log in."""
        answer = self.call("POST", SESSION, json={"token": token, "name": name})
        self.csrf = answer.json().get("csrf", "")
        return answer
