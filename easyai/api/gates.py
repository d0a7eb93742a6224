"""Gates: how many requests of a group run at once, so that no group takes what others need.

A request that reads a long list keeps a thread and a connection to the database for seconds.
Without gates a few browser tabs would take all threads and connections, and heartbeats and
registrations would wait behind people who look. Heartbeats have a thread of their own
(`heartbeat_groups.py`).
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import wraps
from typing import Any, Final, TypeVar

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from easyai.errors import BusyError

READS: Final = "reads"
REGISTRATIONS: Final = "registrations"
CHANGES: Final = "changes"
PICTURES: Final = "pictures"
# Together fewer than the connections of the pool (15): some are left for heartbeats, checks and
# metrics.
_AT_ONCE: Final = {READS: 4, REGISTRATIONS: 3, CHANGES: 2, PICTURES: 3}
_MOST_WAITING: Final = {READS: 60, REGISTRATIONS: 1000, CHANGES: 100, PICTURES: 1000}
_LONGEST_WAIT_SEC: Final = 10.0

R = TypeVar("R")


class Gate:
    """Lets a number of requests run at once, in the order of their arrival; for a single loop."""

    def __init__(self, name: str) -> None:
        """`name`: the group of requests, such as READS."""
        self._name = name
        self._free = asyncio.Semaphore(_AT_ONCE[name])
        self._waiting = 0

    @asynccontextmanager
    async def passed(self, is_gone: Callable[[], Awaitable[bool]]) -> AsyncIterator[None]:
        """Wait for a free place and keep it for the block.

        Raises BusyError when too many requests wait or the wait is too long, and ClientDisconnect
        when the client has gone (`is_gone`) before its turn: nothing is read for nobody.
        """
        if self._waiting >= _MOST_WAITING[self._name]:
            raise BusyError
        self._waiting += 1
        try:
            async with asyncio.timeout(_LONGEST_WAIT_SEC):
                await self._free.acquire()
        except TimeoutError:
            raise BusyError from None
        finally:
            self._waiting -= 1
        try:
            if await is_gone():
                raise ClientDisconnect
            yield
        finally:
            self._free.release()


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
        gated.__signature__ = signature  # type: ignore[attr-defined]
        return gated

    return decorate


def open_gates() -> dict[str, Gate]:
    """A gate for each group; for the loop of an app."""
    return {name: Gate(name) for name in _AT_ONCE}
