"""Makes diagnoses, never two at a time; all clients share a fresh diagnosis.

Each diagnosis tries every part and asks every service, which takes seconds when something hangs. A
client that asks in a loop, or a hundred clients at once, must not take the threads that
registrations need, nor flood services with requests.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Final, TypeVar

from anyio import CapacityLimiter, to_thread

from easyai.diagnosis.contents import Diagnosis

_Rendered = TypeVar("_Rendered")

FRESH_SEC: Final = 1.0


class DiagnosisDesk:
    """Makes diagnoses on a thread apart from other requests; for a single event loop."""

    def __init__(self, make: Callable[[bool], Diagnosis]) -> None:
        self._make = make  # the argument: with probes or without
        self._thread = CapacityLimiter(1)
        self._under_way: dict[bool, asyncio.Task[Diagnosis]] = {}
        self._fresh: dict[bool, tuple[float, Diagnosis]] = {}

    async def ask(self, probes: bool, render: Callable[[Diagnosis], _Rendered]) -> _Rendered:
        """Render a diagnosis that is at most `FRESH_SEC` old, or the diagnosis under way."""
        diagnosis = await self._found(probes)
        return await to_thread.run_sync(render, diagnosis, limiter=self._thread)

    async def _found(self, probes: bool) -> Diagnosis:
        made_at, diagnosis = self._fresh.get(probes, (0.0, None))
        if diagnosis is not None and time.monotonic() - made_at < FRESH_SEC:
            return diagnosis
        task = self._under_way.get(probes)
        if task is None:
            task = self._under_way[probes] = asyncio.create_task(self._work(probes))
        # Other clients wait for the task, too: a client that disconnects must not cancel it.
        return await asyncio.shield(task)

    async def _work(self, probes: bool) -> Diagnosis:
        try:
            diagnosis = await to_thread.run_sync(
                partial(self._make, probes), limiter=self._thread, abandon_on_cancel=True
            )
        finally:
            del self._under_way[probes]
        self._fresh[probes] = time.monotonic(), diagnosis
        return diagnosis

    def close(self) -> None:
        """Cancel the diagnoses under way."""
        for task in self._under_way.values():
            task.cancel()
