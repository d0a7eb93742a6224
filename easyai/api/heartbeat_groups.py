"""Groups heartbeats that arrive together into a single transaction.

A transaction costs as much for one heartbeat as for some, so heartbeats that arrive during a
transaction gather and share the next. Each heartbeat is answered only after its commit, which on
SQLite does not wait for the disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from easyai.errors import DatabaseUnavailableError
from easyai.registry.heartbeat import Heartbeat
from easyai.registry.registration import heartbeats
from easyai.runtime import Runtime

_GROUP: Final = 500  # heartbeats in a transaction
_MOST_WAITING: Final = 20_000

#: Gets whether the service of a heartbeat is known, or the error.
Answer = Callable[[bool | Exception], None]


class HeartbeatGroup:
    """Takes heartbeats on the event loop and commits them on a thread of its own."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="heartbeats")
        self._waiting: list[tuple[Heartbeat, Answer]] = []
        self._committing: asyncio.Task[None] | None = None

    def submit(self, beat: Heartbeat, answer: Answer) -> None:
        """Commit a heartbeat together with others, then call `answer` on the event loop.

        `answer` gets whether the service is known, or the error, and must not raise.
        """
        if len(self._waiting) >= _MOST_WAITING:
            answer(
                DatabaseUnavailableError("the database is slow: too many heartbeats wait for it")
            )
            return
        self._waiting.append((beat, answer))
        if self._committing is None:
            self._committing = asyncio.create_task(self._commit_all())

    async def take(self, beat: Heartbeat) -> bool:
        """Commit a heartbeat together with others; return whether its service is known.

        Raises DatabaseUnavailableError.
        """
        known: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        def settle(outcome: bool | Exception) -> None:
            if known.done():  # the client has disconnected
                return
            if isinstance(outcome, Exception):
                known.set_exception(outcome)
            else:
                known.set_result(outcome)

        self.submit(beat, settle)
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

    async def _commit(self, group: list[tuple[Heartbeat, Answer]]) -> None:
        beats = [beat for beat, _ in group]
        outcomes: Sequence[bool | Exception]
        loop = asyncio.get_running_loop()
        try:
            outcomes = await loop.run_in_executor(self._thread, heartbeats, self._runtime, beats)
        except Exception as error:  # noqa: BLE001 - each request raises it and is answered
            outcomes = [error] * len(group)
        for (_, answer), outcome in zip(group, outcomes, strict=True):
            answer(outcome)
