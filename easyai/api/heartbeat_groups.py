"""Groups heartbeats that arrive together into a single transaction.

A commit waits for the disk; heartbeats that arrive during a commit gather and share the next
commit. Each heartbeat is answered only after its commit.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from easyai.errors import DatabaseUnavailableError
from easyai.registry.heartbeat import Heartbeat
from easyai.registry.registration import heartbeats
from easyai.runtime import Runtime

_GROUP: Final = 500  # heartbeats in a transaction
_MOST_WAITING: Final = 20_000


class HeartbeatGroup:
    """Takes heartbeats on the event loop and commits them on a thread of its own."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="heartbeats")
        self._waiting: list[tuple[Heartbeat, asyncio.Future[bool]]] = []
        self._committing: asyncio.Task[None] | None = None

    async def take(self, beat: Heartbeat) -> bool:
        """Commit a heartbeat together with others; return whether its service is known.

        Raises DatabaseUnavailableError.
        """
        if len(self._waiting) >= _MOST_WAITING:
            raise DatabaseUnavailableError("the database is slow: too many heartbeats wait for it")
        known: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((beat, known))
        if self._committing is None:
            self._committing = asyncio.create_task(self._commit_all())
        return await known

    def close(self) -> None:
        """Finish the commit under way and stop."""
        self._thread.shutdown()

    async def _commit_all(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting[:_GROUP], self._waiting[_GROUP:]
                await self._commit(group)
        finally:
            self._committing = None

    async def _commit(self, group: list[tuple[Heartbeat, asyncio.Future[bool]]]) -> None:
        beats = [beat for beat, _ in group]
        loop = asyncio.get_running_loop()
        try:
            known = await loop.run_in_executor(self._thread, heartbeats, self._runtime, beats)
        except Exception as error:  # noqa: BLE001 - each request raises it and is answered
            for _, future in group:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), is_known in zip(group, known, strict=True):
            if not future.done():  # done: the client has disconnected
                future.set_result(is_known)
