"""What the lanes of one process share: settings, HTTP, threads for database and pictures."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from easyai.pipeline.caller import Caller
from easyai.process.identity import mark
from easyai.runtime import Runtime

log = logging.getLogger(__name__)

_NO_SERVICE_EVERY_SEC = 60.0

Result = TypeVar("Result")


class Workshop:
    """One for each process; used on its inference loop only."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.caller = Caller(runtime)
        # Its mark: who starts after a crash sees that this process has ended (pipeline/reclaim.py).
        self.owner = f"{mark()}.{secrets.token_hex(3)}"
        self._leases = 0
        self._no_service_told: dict[str, float] = {}
        self._waiting_for_room: set[asyncio.Event] = set()
        movers = runtime.settings.ai_analysis.alert_image_move_concurrent
        # One writer: SQLite has only one, and a transaction of many frames beats many of few.
        self._writer = ThreadPoolExecutor(1, "ledger")
        self._carrier = ThreadPoolExecutor(2, "pictures")
        # Apart from the carrier: calls must not wait until hundreds of pictures are moved.
        self._preparer = ThreadPoolExecutor(2, "prepare")
        self.movers = ThreadPoolExecutor(movers, "movers") if runtime.store.remote else None

    def next_token(self) -> str:
        """A lease token that no other lease ever had."""
        self._leases += 1
        return f"{self.owner}-{self._leases}"

    async def write(self, work: Callable[[], Result]) -> Result:
        """Run a piece of database work in the writer's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._writer, work)

    async def carry(self, work: Callable[[], Result]) -> Result:
        """Run a piece of store work in a thread of its own."""
        return await asyncio.get_running_loop().run_in_executor(self._carrier, work)

    async def prepare(self, work: Callable[[], Result]) -> Result:
        """Run what calls wait for in a thread of its own."""
        return await asyncio.get_running_loop().run_in_executor(self._preparer, work)

    def wait_for_room(self, event: asyncio.Event) -> None:
        """Set the event when a lane of this process makes room: it has nothing else to wait for."""
        self._waiting_for_room.add(event)

    def stop_waiting(self, event: asyncio.Event) -> None:
        """Set the event no more."""
        self._waiting_for_room.discard(event)

    def tell_room(self) -> None:
        """Some leases have ended."""
        for event in self._waiting_for_room:
            event.set()

    def tell_no_service(self, task_type: str) -> None:
        """Say, once a minute for each type, that its frames wait for a service."""
        now = time.monotonic()
        if now - self._no_service_told.get(task_type, float("-inf")) >= _NO_SERVICE_EVERY_SEC:
            self._no_service_told[task_type] = now
            log.warning(
                "no algorithm for task type: task_type=%s; its frames wait until one is there",
                task_type,
            )

    async def close(self) -> None:
        """Close connections and threads."""
        await self.caller.close()
        for pool in (self._writer, self._carrier, self._preparer, self.movers):
            if pool is not None:
                pool.shutdown(wait=False, cancel_futures=True)
