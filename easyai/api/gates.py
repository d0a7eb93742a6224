"""Gates: how many requests of a group run at once, so that no group takes what others need.

A request that reads a long list keeps a thread and a connection to the database for seconds.
Without gates a few browser tabs would take all threads and connections, and heartbeats and
registrations would wait behind people who look. Each group has threads of its own; so have
heartbeats (`heartbeat_groups.py`). Answers are encoded on these threads, too: the event loop only
passes bytes on.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import cache, partial, wraps
from typing import Any, Final, TypeVar

from fastapi import Request
from pydantic import TypeAdapter
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from easyai.errors import BusyError
from easyai.system.log_throttle import LogThrottle

log = logging.getLogger(__name__)

LISTS: Final = "lists"  # of alerts: may read for seconds
READS: Final = "reads"
PICTURES: Final = "pictures"
PREVIEWS: Final = "previews"  # of pictures, for people: services never wait for them
REGISTRATIONS: Final = "registrations"  # and unregistrations
CHANGES: Final = "changes"  # of operators
LONG_CHANGES: Final = "long changes"  # of operators, for seconds: no other change waits
FRAMES: Final = "frames"  # that clients name or send
# Registrations wait for name servers, pictures for disks: they hold a connection for milliseconds.
# The others take 14 of the 15 connections at most, and previews hold theirs only for a moment.
_AT_ONCE: Final = {
    LISTS: 3,
    READS: 3,
    PICTURES: 8,
    PREVIEWS: 3,
    REGISTRATIONS: 16,
    CHANGES: 2,
    LONG_CHANGES: 1,
    FRAMES: 2,
}
_MOST_WAITING: Final = {
    LISTS: 60,
    READS: 200,
    PICTURES: 1000,
    PREVIEWS: 1000,
    REGISTRATIONS: 1000,
    CHANGES: 100,
    LONG_CHANGES: 20,
    FRAMES: 100,
}
_LONGEST_WAIT_SEC: Final = 10.0

R = TypeVar("R")


class Gate:
    """Lets a number of requests run at once, in the order of their arrival; for a single loop."""

    def __init__(self, name: str) -> None:
        """`name`: the group of requests, such as READS."""
        self._name = name
        self._free = asyncio.Semaphore(_AT_ONCE[name])
        self._threads = ThreadPoolExecutor(_AT_ONCE[name], thread_name_prefix=name)
        self._waiting = 0
        self._refused = LogThrottle()

    async def answer(self, request: Request, work: Callable[[], Response]) -> Response:
        """Run the work of a request on a thread as soon as a place is free.

        Raises BusyError when too many requests wait or the wait is too long. Raises
        ClientDisconnect when the client of a picture has gone before its turn: the picture would be
        read in vain. A change is made although its client has gone.
        """
        waits = self._free.locked()
        async with self.place():
            if waits and self._name in (PICTURES, PREVIEWS) and await request.is_disconnected():
                raise ClientDisconnect
            return await self.on_thread(work)

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Wait for a free place and keep it for the block; raises BusyError."""
        if self._free.locked():
            await self._wait()
        else:
            await self._free.acquire()  # at once
        try:
            yield
        finally:
            self._free.release()

    async def on_thread(self, work: Callable[[], R]) -> R:
        """Run work on a thread of the gate; the caller has a place."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def busy(self) -> BusyError:
        """The error for a request that cannot wait longer, which is logged."""
        self._refused.warning(
            log,
            "refused with 503, too many at once: group=%s waiting=%d",
            self._name,
            self._waiting,
        )
        return BusyError()

    def close(self) -> None:
        """Let the threads end after their present work."""
        self._threads.shutdown(wait=False)

    async def _wait(self) -> None:
        if self._waiting >= _MOST_WAITING[self._name]:
            raise self.busy()
        self._waiting += 1
        try:
            async with asyncio.timeout(_LONGEST_WAIT_SEC):
                await self._free.acquire()
        except TimeoutError:
            raise self.busy() from None
        finally:
            self._waiting -= 1


def behind(group: str) -> Callable[[Callable[..., Any]], Callable[..., Awaitable[Response]]]:
    """A decorator for the endpoint of a route: it runs on a thread, behind the gate of the group.

    The gate is passed after the body has come: a client that sends slowly keeps no place. What the
    endpoint returns is checked against the `response_model` of its route, and encoded, on the
    thread.
    """

    def decorate(endpoint: Callable[..., Any]) -> Callable[..., Awaitable[Response]]:
        signature = inspect.signature(endpoint, eval_str=True)
        asks = "request" in signature.parameters

        @wraps(endpoint)
        async def gated(request: Request, **values: Any) -> Response:
            gate: Gate = request.app.state.gates[group]
            if asks:
                values["request"] = request
            return await gate.answer(
                request, partial(_answer, endpoint, values, request.scope.get("route"))
            )

        if not asks:
            own = inspect.Parameter("request", inspect.Parameter.KEYWORD_ONLY, annotation=Request)
            signature = signature.replace(parameters=[*signature.parameters.values(), own])
        del gated.__wrapped__  # some releases of FastAPI would look at the endpoint
        gated.__signature__ = signature  # type: ignore[attr-defined]
        return gated

    return decorate


def _answer(endpoint: Callable[..., Any], values: dict[str, Any], route: Any) -> Response:
    answer = endpoint(**values)
    if isinstance(answer, Response):
        return answer
    model = _model(route.response_model)
    text = model.dump_json(
        model.validate_python(answer), exclude_unset=route.response_model_exclude_unset
    )
    return Response(text, media_type="application/json")


@cache
def _model(published: Any) -> TypeAdapter[Any]:
    return TypeAdapter(published)
