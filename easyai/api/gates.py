"""Gates: how many requests of a group run at once, so that no group takes what others need.

A request that reads a long list keeps a thread and a connection to the database for seconds.
Without gates a few browser tabs would take all threads and connections, and heartbeats and
registrations would wait behind people who look. Heartbeats have a thread of their own
(`heartbeat_groups.py`).
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import wraps
from typing import Any, Final, TypeVar

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from easyai.errors import BusyError
from easyai.system.log_throttle import LogThrottle

log = logging.getLogger(__name__)

LISTS: Final = "lists"  # of alerts: may read for seconds
READS: Final = "reads"
PICTURES: Final = "pictures"
REGISTRATIONS: Final = "registrations"  # and unregistrations
CHANGES: Final = "changes"
# Fewer threads than the pool has (40). Registrations wait for name servers, pictures for disks:
# they hold a connection for milliseconds. The others leave half of the 15 connections free.
_AT_ONCE: Final = {LISTS: 3, READS: 3, PICTURES: 8, REGISTRATIONS: 16, CHANGES: 2}
_MOST_WAITING: Final = {LISTS: 60, READS: 200, PICTURES: 1000, REGISTRATIONS: 1000, CHANGES: 100}
_FOR_VIEWERS: Final = (LISTS, READS, PICTURES)
_LONGEST_WAIT_SEC: Final = 10.0

R = TypeVar("R")


class Gate:
    """Lets a number of requests run at once, in the order of their arrival; for a single loop."""

    def __init__(self, name: str) -> None:
        """`name`: the group of requests, such as READS."""
        self._name = name
        self._free = asyncio.Semaphore(_AT_ONCE[name])
        self._waiting = 0
        self._refused = LogThrottle()

    @asynccontextmanager
    async def passed(self, is_gone: Callable[[], Awaitable[bool]]) -> AsyncIterator[None]:
        """Wait for a free place and keep it for the block.

        Raises BusyError when too many requests wait or the wait is too long. Raises
        ClientDisconnect when a viewer has gone (`is_gone`) before its turn: its data would be read
        in vain. A change is made although its client has gone.
        """
        if self._waiting >= _MOST_WAITING[self._name]:
            raise self._busy()
        self._waiting += 1
        try:
            async with asyncio.timeout(_LONGEST_WAIT_SEC):
                await self._free.acquire()
        except TimeoutError:
            raise self._busy() from None
        finally:
            self._waiting -= 1
        try:
            if self._name in _FOR_VIEWERS and await is_gone():
                raise ClientDisconnect
            yield
        finally:
            self._free.release()

    def _busy(self) -> BusyError:
        self._refused.warning(
            log,
            "refused with 503, too many at once: group=%s waiting=%d",
            self._name,
            self._waiting,
        )
        return BusyError()


def behind(group: str) -> Callable[[Callable[..., R]], Callable[..., Awaitable[R]]]:
    """A decorator for the endpoint of a route: it runs on a thread, behind the gate of the group.

    The gate is passed after the body has come: a client that sends slowly keeps no place.
    """

    def decorate(endpoint: Callable[..., R]) -> Callable[..., Awaitable[R]]:
        signature = inspect.signature(endpoint, eval_str=True)
        asks = "request" in signature.parameters

        @wraps(endpoint)
        async def gated(request: Request, **values: Any) -> R:
            gate: Gate = request.app.state.gates[group]
            if asks:
                values["request"] = request
            async with gate.passed(request.is_disconnected):
                return await run_in_threadpool(endpoint, **values)

        if not asks:
            own = inspect.Parameter("request", inspect.Parameter.KEYWORD_ONLY, annotation=Request)
            signature = signature.replace(parameters=[*signature.parameters.values(), own])
        del gated.__wrapped__  # some releases of FastAPI would look at the endpoint
        gated.__signature__ = signature  # type: ignore[attr-defined]
        return gated

    return decorate


def open_gates() -> dict[str, Gate]:
    """A gate for each group; for the loop of an app."""
    return {name: Gate(name) for name in _AT_ONCE}
