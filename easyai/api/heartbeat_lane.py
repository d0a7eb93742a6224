"""Heartbeats of programs are answered by the connection itself, ahead of the app.

A heartbeat is small and has a single good answer, but the app's middlewares, its request and its
response are half of its cost. The lane takes only what every guard of the app lets
pass: a short POST of a program, not of a browser. The app answers everything else: services that
are not known, bodies that are large, and requests that name the page of a browser.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any, Final

from starlette.requests import Request
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from easyai.api.browser_guard import OF_BROWSERS
from easyai.api.error_responses import LastResort, own_error
from easyai.api.heartbeat_groups import HeartbeatGroup
from easyai.api.json_body import parse_json_or_none
from easyai.api.protocol import ContractProtocol
from easyai.errors import EasyaiError
from easyai.registry.heartbeat import Heartbeat

HEARTBEAT_PATH: Final = "/api/v1/ai_analysis/heartbeat/"
#: The place of the heartbeats' group in the state of the app's lifespan.
GROUP: Final = "heartbeats"
_LARGEST_BODY_BYTES: Final = 16_384
_OK: Final = b'{"ok":true}'


class HeartbeatLane(ContractProtocol):
    """Answers heartbeats of known services; passes all other requests to the app."""

    _beating: RequestResponseCycle | None = None  # a heartbeat whose body has not come whole

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body; the app gets a heartbeat that is too large for the lane."""
        super().on_body(body)
        cycle = self._beating
        if cycle is not None and len(cycle.body) > _LARGEST_BODY_BYTES:
            self._beating = None
            super()._start_asgi_task(cycle, self.app)

    def on_message_complete(self) -> None:
        """End a request; take it if it is a heartbeat."""
        super().on_message_complete()
        cycle = self._beating
        if cycle is not None and not cycle.more_body:
            self._take(cycle)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        if not self._is_for_lane(cycle):
            super()._start_asgi_task(cycle, app)
        elif cycle.more_body:
            self._beating = cycle
        else:  # it has waited for the answers to earlier requests
            self._take(cycle)

    def _is_for_lane(self, cycle: RequestResponseCycle) -> bool:
        scope = cycle.scope
        return (
            scope["method"] == "POST"
            and scope["path"].startswith(HEARTBEAT_PATH)
            and GROUP in self.app_state
            and not cycle.waiting_for_100_continue
            and len(cycle.body) <= _LARGEST_BODY_BYTES
            and not self.flow.write_paused  # the app waits until a slow reader has read
            and OF_BROWSERS.isdisjoint([name for name, _ in scope["headers"]])
        )

    def _take(self, cycle: RequestResponseCycle) -> None:
        self._beating = None
        group: HeartbeatGroup = self.app_state[GROUP]
        name = cycle.scope["path"][len(HEARTBEAT_PATH) :]
        beat = Heartbeat(name, parse_json_or_none(bytes(cycle.body)))
        group.submit(beat, partial(self._answer, cycle))

    def _answer(self, cycle: RequestResponseCycle, outcome: bool | Exception) -> None:
        if cycle.disconnected or self.transport.is_closing():
            return
        if outcome is True:
            cycle.response_started = cycle.response_complete = True
            headers = tuple(self.server_state.default_headers)
            self.transport.write(_answer(headers, keep_alive=cycle.keep_alive))
            if not cycle.keep_alive:
                self.transport.close()
            self.on_response_complete()
        elif outcome is False:
            super()._start_asgi_task(cycle, self.app)  # it looks at other names, and refuses
        else:
            failed: Any = LastResort(_Failed(outcome))
            super()._start_asgi_task(cycle, failed)


class _Failed:
    """An app that answers an error of the registry, as the app itself does."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not isinstance(self._error, EasyaiError):
            raise self._error
        response = await own_error(Request(scope), self._error)
        await response(scope, receive, send)


@lru_cache(maxsize=4)  # the Date header changes once a second
def _answer(headers: tuple[tuple[bytes, bytes], ...], *, keep_alive: bool) -> bytes:
    lines = [b"HTTP/1.1 200 OK"]
    lines += [b"%s: %s" % header for header in headers]
    lines += [b"content-length: %d" % len(_OK), b"content-type: application/json"]
    if not keep_alive:
        lines.append(b"connection: close")
    return b"\r\n".join((*lines, b"", _OK))
