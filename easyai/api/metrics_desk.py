"""Scrapes: a single scrape reads the database at a time, and all clients share a fresh scrape.

Scrapes run on a thread apart from other requests: neither many scrapers nor a database that hangs
delays registrations and heartbeats.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from anyio import CapacityLimiter, to_thread

from easyai.errors import DatabaseUnavailableError

FRESH_SEC: Final = 1.0
LIMIT_SEC: Final = 4.0  # Prometheus gives up after 10 s
# The pause after a scrape, as a multiple of its duration: a long backlog is read less often.
_REST: Final = 10


class MetricsDesk:
    """The text of the newest scrape; for a single event loop."""

    def __init__(self, make: Callable[[], bytes]) -> None:
        self._make = make
        self._thread = CapacityLimiter(1)
        self._under_way: asyncio.Task[bytes] | None = None
        self._text = b""
        self._fresh_until = 0.0  # monotonic

    async def ask(self) -> bytes:
        """A scrape at most `FRESH_SEC` old; older only when reading took long.

        Raises DatabaseUnavailableError, after `LIMIT_SEC` at the latest.
        """
        if time.monotonic() < self._fresh_until:
            return self._text
        if self._under_way is None:
            self._under_way = asyncio.create_task(self._work())
            # Read the exception: every request may have ended before the task fails.
            self._under_way.add_done_callback(lambda task: task.cancelled() or task.exception())
        try:
            # Other clients wait for the task, too: a client that disconnects, or the limit, must
            # not cancel it.
            return await asyncio.wait_for(asyncio.shield(self._under_way), LIMIT_SEC)
        except TimeoutError:
            message = f"the database did not answer the scrape within {LIMIT_SEC:g} s"
            raise DatabaseUnavailableError(message) from None

    async def _work(self) -> bytes:
        began = time.monotonic()
        try:
            text = await to_thread.run_sync(
                self._make, limiter=self._thread, abandon_on_cancel=True
            )
        finally:
            self._under_way = None
        now = time.monotonic()
        self._text, self._fresh_until = text, began + max(FRESH_SEC, _REST * (now - began))
        return text

    def close(self) -> None:
        """Cancel the scrape under way."""
        if self._under_way is not None:
            self._under_way.cancel()
