"""A tab: a real WebSocket client of the live state."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

from websockets.sync.client import ClientConnection, connect

LIVE = "/api/v1/live"


class Tab:
    """Reads messages, and keeps the sections as a page does."""

    def __init__(
        self,
        port: int,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        origin: str | None = None,
        **options: Any,
    ) -> None:
        url = f"ws://127.0.0.1:{port}{LIVE}{query}"
        own = dict(headers or {}) | ({"Origin": origin} if origin else {})
        self._opened = connect(url, additional_headers=own, open_timeout=15, proxy=None, **options)
        self.socket: ClientConnection = self._opened.__enter__()
        self.now: dict[str, Any] = {}
        self.known = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._opened.__exit__(kind, error, trace)

    def take(self, limit_sec: float = 10.0) -> dict[str, Any]:
        """The next message."""
        message: dict[str, Any] = json.loads(self.socket.recv(timeout=limit_sec))
        if message["kind"] == "state":
            self.now, self.known = message["now"], f"{message['boot']}:{message['seq']}"
        elif message["kind"] == "delta":
            known = {camera["task_id"]: camera for camera in self.now.get("cameras") or ()}
            self.now |= message["now"]
            if isinstance(news := message["now"].get("cameras"), dict):
                known |= {camera["task_id"]: camera for camera in news["changed"]}
                self.now["cameras"] = [known[name] for name in news["order"]]
            boot, _, seq = self.known.partition(":")
            assert message["seq"] == int(seq) + 1
            self.known = f"{boot}:{message['seq']}"
        return message

    def until(
        self, fits: Callable[[dict[str, Any]], bool], limit_sec: float = 15.0
    ) -> dict[str, Any]:
        """Take messages until one fits; returns it."""
        deadline = time.monotonic() + limit_sec
        while True:
            message = self.take(max(0.1, deadline - time.monotonic()))
            if fits(message):
                return message
