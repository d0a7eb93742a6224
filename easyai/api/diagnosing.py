"""Diagnoses for clients: one at a time, and a fresh one serves all who ask.

Each tries every part and asks every service, for seconds when things hang: a client that asks in a
loop, or a hundred at once, must not take the threads that registrations need, nor flood services.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Final, TypeVar

from anyio import CapacityLimiter, to_thread

from easyai.diagnosis.diagnosis import Diagnosis

_Rendered = TypeVar("_Rendered")

FRESH_SEC: Final = 1.0


class DiagnosisDesk:
    """Makes diagnoses on one thread beside those of other requests; for one event loop."""

    def __init__(self, make: Callable[[bool], Diagnosis]) -> None:
        self._make = make  # with probes or without
        self._thread = CapacityLimiter(1)
        self._under_way: dict[bool, asyncio.Task[Diagnosis]] = {}
        self._fresh: dict[bool, tuple[float, Diagnosis]] = {}

    async def ask(self, probes: bool, render: Callable[[Diagnosis], _Rendered]) -> _Rendered:
        """A diagnosis at most `FRESH_SEC` old, or the one under way, as `render` writes it."""
        found = await self._found(probes)
        return await to_thread.run_sync(render, found, limiter=self._thread)

    async def _found(self, probes: bool) -> Diagnosis:
        made_at, found = self._fresh.get(probes, (0.0, None))
        if found is not None and time.monotonic() - made_at < FRESH_SEC:
            return found
        task = self._under_way.get(probes)
        if task is None:
            task = self._under_way[probes] = asyncio.create_task(self._work(probes))
        # Others wait for it, too: a client that goes away does not end it.
        return await asyncio.shield(task)

    async def _work(self, probes: bool) -> Diagnosis:
        try:
            found = await to_thread.run_sync(
                partial(self._make, probes), limiter=self._thread, abandon_on_cancel=True
            )
        finally:
            del self._under_way[probes]
        self._fresh[probes] = time.monotonic(), found
        return found

    def close(self) -> None:
        """Wait no longer for what is under way."""
        for task in self._under_way.values():
            task.cancel()
