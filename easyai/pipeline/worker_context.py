"""The tools of a dispatcher: settings, HTTP, and threads for database and pictures."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from easyai.pipeline.caller import Caller
from easyai.pipeline.pipeline_tracing import tracing_of
from easyai.runtime import Runtime
from easyai.system.identity import mark
from easyai.system.side_by_side import SideBySide

Result = TypeVar("Result")


class WorkerContext:
    """The tools of a process's dispatcher; used on its inference loop only."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.caller = Caller(runtime)
        self.tracing = runtime.part(tracing_of)  # None unless variables ask for traces
        # Holds this process's mark: after a crash, others see that it has ended (see reclaim.py).
        self.owner = f"{mark()}.{secrets.token_hex(3)}"
        self.leases = 0  # lease tokens since the start, each for a batch of frames
        at_once = runtime.settings.ai_analysis.alert_image_move_concurrent
        # A single writer: SQLite allows no more, and few large transactions are faster than many.
        self._writer = ThreadPoolExecutor(1, "ledger")
        # Separate from the writer, which may wait for transactions of other machines.
        self._renewer = ThreadPoolExecutor(1, "leases")
        self._carrier = ThreadPoolExecutor(2, "pictures")
        # Separate from the carrier: calls must not wait until hundreds of pictures are moved.
        self._preparer = ThreadPoolExecutor(2, "prepare")
        self.requests = SideBySide(at_once) if runtime.store.remote else None

    def next_token(self) -> str:
        """A lease token that no other lease ever had."""
        self.leases += 1
        return f"{self.owner}-{self.leases}"

    async def write(self, work: Callable[[], Result]) -> Result:
        """Run database work in the writer's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._writer, work)

    async def renew(self, work: Callable[[], Result]) -> Result:
        """Run the renewal of leases in its own thread."""
        return await asyncio.get_running_loop().run_in_executor(self._renewer, work)

    async def carry(self, work: Callable[[], Result]) -> Result:
        """Move and delete pictures in separate threads."""
        return await asyncio.get_running_loop().run_in_executor(self._carrier, work)

    async def prepare(self, work: Callable[[], Result]) -> Result:
        """Run work that calls wait for in separate threads."""
        return await asyncio.get_running_loop().run_in_executor(self._preparer, work)

    async def close(self) -> None:
        """Close connections and threads."""
        await self.caller.close()
        if self.requests is not None:
            self.requests.shut_down()
        for pool in (self._writer, self._renewer, self._carrier, self._preparer):
            pool.shutdown(wait=False, cancel_futures=True)
