"""Renews the leases of a process, and ends its calls when the leases cannot be renewed."""

from __future__ import annotations

import asyncio
import logging
import time
from functools import partial
from typing import Final

from easyai.db import clock, ledger
from easyai.errors import DatabaseUnavailableError
from easyai.pipeline.calls import GIVE_UP_AFTER
from easyai.pipeline.dispatcher import Dispatcher
from easyai.pipeline.worker_context import WorkerContext

log = logging.getLogger(__name__)

_TICK_SEC: Final = 0.5
_IDLE_TICK_SEC: Final = 1.5  # without leases: each tick wakes the loop


class LeaseKeeper:
    """Three tasks on the inference loop: renew leases, guard calls, return given-up leases."""

    def __init__(self, context: WorkerContext, dispatcher: Dispatcher) -> None:
        self._context = context
        self._dispatcher = dispatcher
        self._loop = asyncio.get_running_loop()
        self._renewed_at = 0.0  # on the loop's clock
        self._renewed_for_sec = 0.0  # `lease_sec` of the last renewal, which the leases have
        self.given_up: set[str] = set()  # leases whose calls were ended: to be given back
        self._note_renewal(self._loop.time(), self._lease_sec)
        keepers = (self._renew(), self._guard(), self._return_given_up())
        self._tasks = [asyncio.create_task(work) for work in keepers]

    async def close(self) -> None:
        """Stop the tasks."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def give_back(self, tokens: list[str], limit_sec: float | None = None) -> bool:
        """Return leases unused; False if that failed. Waits for the database up to the limit."""

        def give_back() -> int:
            with self._context.runtime.db.write() as conn:
                return ledger.give_back(conn, tokens)

        try:
            # A write that hangs holds up the writer: a stop must not wait for it.
            count = await asyncio.wait_for(self._context.write(give_back), limit_sec)
        except (DatabaseUnavailableError, TimeoutError) as error:
            log.warning("leases not given back, they expire by themselves: %s", error)
            return False
        except Exception:
            log.exception("leases not given back, they expire by themselves")
            return False
        log.info("leases given back unused: frames=%d", count)
        return True

    @property
    def _lease_sec(self) -> float:
        return self._context.runtime.settings.ai_analysis.lease_sec

    async def _renew(self) -> None:
        """Renew the leases of this process as long as it runs."""
        while True:
            await self._tick()
            lease_sec = self._lease_sec
            tokens = sorted(self._dispatcher.tokens())
            if not tokens:
                self._note_renewal(self._loop.time(), lease_sec)
                continue
            began, start_by = self._loop.time(), time.monotonic() + GIVE_UP_AFTER * lease_sec
            if began - self._renewed_at < min(lease_sec, self._renewed_for_sec) / 3:
                continue
            try:
                renewed = await self._context.renew(partial(self._extend, tokens, lease_sec))
                self._note_renewal(began, lease_sec)
                self._dispatcher.calls.renewed(renewed, start_by)
            except DatabaseUnavailableError as error:
                log.warning("leases not renewed, trying again: %s", error)
            except Exception:
                # Without renewal every frame in flight would be given out a second time.
                log.exception("leases not renewed, trying again")

    async def _guard(self) -> None:
        """End the calls whose leases were not renewed, before other workers may get the frames."""
        while True:
            await self._tick()
            if self._loop.time() - self._renewed_at < GIVE_UP_AFTER * self._renewed_for_sec:
                continue
            self._renewed_at = self._loop.time()
            self.given_up |= self._dispatcher.tokens()
            count = await self._dispatcher.calls.cancel()
            if count:
                log.warning("leases not renewed in time, calls given up: frames=%d", count)

    async def _return_given_up(self) -> None:
        """Give back leases that the guard gave up, once the database works: others need not wait.

        Answered frames of the same lease are settled first.
        """
        while True:
            await self._tick()
            if tokens := self.given_up - self._dispatcher.tokens():
                self.given_up -= tokens
                if not await self.give_back(sorted(tokens)):
                    self.given_up |= tokens

    def _note_renewal(self, at: float, lease_sec: float) -> None:
        self._renewed_at, self._renewed_for_sec = at, lease_sec

    async def _tick(self) -> None:
        """Wait until the next check of the leases; short enough for a changed `lease_sec`."""
        idle = not (self.given_up or self._dispatcher.tokens())
        longest = _IDLE_TICK_SEC if idle else _TICK_SEC
        await asyncio.sleep(min(longest, self._lease_sec / 10))

    def _extend(self, tokens: list[str], lease_sec: float) -> dict[str, int]:
        with self._context.runtime.db.write(lasting=False) as conn:
            return ledger.renew(conn, tokens, clock.now(conn) + lease_sec)
