"""The API's server, which looks for its end when a signal arrives instead of ten times a second."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from types import FrameType
from typing import Final

import uvicorn

_TICK_SEC: Final = 1.0  # the `Date` header of answers has seconds


class ApiServer(uvicorn.Server):
    """Uvicorn's server with a main loop that sleeps until the next second or the next signal."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._signalled = asyncio.Event()

    async def main_loop(self) -> None:
        """Renew the `Date` header every second until the end is asked for."""
        self._loop = asyncio.get_running_loop()
        while not await self.on_tick(0):
            with suppress(TimeoutError, asyncio.TimeoutError):
                await asyncio.wait_for(self._signalled.wait(), _TICK_SEC)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Ask for the end, and wake the main loop; a signal handler."""
        super().handle_exit(sig, frame)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._signalled.set)
