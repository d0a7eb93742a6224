"""Scrapes: one reads the database at a time, and a fresh one serves all who ask.

On a thread beside those of other requests: neither many scrapers nor a database that hangs hold up
registrations and heartbeats.
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
_REST: Final = 10  # times what a scrape took, before the next: a long backlog is read less often


class MetricsDesk:
    """The text of the newest scrape; for one event loop."""

    def __init__(self, make: Callable[[], bytes]) -> None:
        self._make = make
        self._thread = CapacityLimiter(1)
        self._under_way: asyncio.Task[bytes] | None = None
        self._text = b""
        self._fresh_until = 0.0  # monotonic

    async def ask(self) -> bytes:
        """A scrape at most `FRESH_SEC` old, older only where reading took long.

        Raises DatabaseUnavailableError, after `LIMIT_SEC` at the latest.
        """
        if time.monotonic() < self._fresh_until:
            return self._text
        if self._under_way is None:
            self._under_way = asyncio.create_task(self._work())
            # Nobody may wait for it any more when it fails.
            self._under_way.add_done_callback(lambda one: one.cancelled() or one.exception())
        try:
            # Others wait for it, too: neither a client that goes away nor the limit ends it.
            return await asyncio.wait_for(asyncio.shield(self._under_way), LIMIT_SEC)
        except TimeoutError:
            said = f"the database did not answer the scrape within {LIMIT_SEC:g} s"
            raise DatabaseUnavailableError(said) from None

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
        """Wait no longer for what is under way."""
        if self._under_way is not None:
            self._under_way.cancel()
