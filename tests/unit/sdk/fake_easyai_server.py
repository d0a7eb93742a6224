"""The registering side of an easyai server, in memory, over real HTTP."""

import threading
from typing import Any, Self
from urllib.parse import unquote

from tests.support.waiting import wait_until
from tests.unit.sdk.http_stub import Answer, Call, HttpStub, as_json

_PREFIX = "/api/v1/ai_analysis/"


class FakeEasyaiServer:
    """Knows services by endpoint until a test makes it forget them."""

    def __init__(self, port: int = 0) -> None:
        self._stub = HttpStub(self._answer, port)
        self._lock = threading.Lock()
        self._services: dict[str, dict[str, Any]] = {}
        self._calls: list[tuple[str, Any]] = []
        self.refuse_with: str | None = None  # the error that registering gets

    @property
    def url(self) -> str:
        """The `server` option of a service."""
        return self._stub.url

    @property
    def services(self) -> dict[str, dict[str, Any]]:
        """The registrations by endpoint."""
        with self._lock:
            return dict(self._services)

    def bodies(self, action: str) -> list[Any]:
        """Return the bodies of all calls of `register`, `heartbeat` or `unregister`."""
        with self._lock:
            return [body for name, body in self._calls if name == action]

    def wait_for(self, action: str, count: int) -> list[Any]:
        """Wait until `count` calls of this kind have come."""
        wait_until(lambda: len(self.bodies(action)) >= count, what=f"{count} x {action}")
        return self.bodies(action)

    def forget(self) -> None:
        """Lose all registrations, as a server without a database does when it restarts."""
        with self._lock:
            self._services.clear()

    def __enter__(self) -> Self:
        self._stub.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._stub.__exit__()

    def _answer(self, call: Call) -> Answer:
        action, _, key = call.path.removeprefix(_PREFIX).partition("/")
        body: Any = call.json() if call.body else None
        with self._lock:
            self._calls.append((action, body))
            if action == "register":
                return self._register(body)
            return self._known(action, unquote(key))

    def _register(self, body: dict[str, Any]) -> Answer:
        if self.refuse_with:
            return as_json(400, {"error": self.refuse_with})
        self._services[body["endpoint"]] = body
        return as_json(200, {"ok": True, "service_id": body["service_id"]})

    def _known(self, action: str, key: str) -> Answer:
        if key not in self._services:
            return as_json(400, {"error": "service not found"})
        if action == "unregister":
            del self._services[key]
        return as_json(200, {"ok": True})
