"""Infer: one loop per process, on which the lanes of all task types run."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import uvloop

from easyai.db import ledger
from easyai.errors import DatabaseUnavailableError
from easyai.pipeline.lane import GIVE_UP_AFTER, Lane
from easyai.pipeline.workshop import Workshop
from easyai.runtime import Runtime

log = logging.getLogger(__name__)

_GIVE_BACK_SEC = 5.0  # at a stop
_TICK_SEC = 0.5

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class PumpReport:
    """What one wake of a task type did; Flower shows it."""

    task_type: str
    frames: int = 0  # leased
    finished: int = 0
    alerts: int = 0
    returned: int = 0  # back to pending
    more: bool = False  # work may be left: ring again
    busy: bool = False  # another pump of this process takes it


class InferenceLoop:
    """An asyncio loop in a thread of its own; its methods may be called from any thread.

    Made after a fork, closed by `drain`.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._lanes: dict[str, Lane] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._pumping: set[str] = set()
        self._ending = False  # takes no more frames
        self._drained = False
        self._renewed_at = 0.0  # on the loop's clock
        self._renewed_for_sec = 0.0  # `lease_sec` then: a change of it is in no lease yet
        self._given_up: set[str] = set()  # leases whose calls were ended: to be given back
        self._drain_lock = threading.Lock()
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="infer", daemon=True)
        self._thread.start()
        self._shop = self._run(self._open())

    def pump(self, task_type: str, budget_sec: float) -> PumpReport:
        """Lease and infer frames of a type until there are none, or the budget is over.

        Calls still under way then go on behind the scenes. Blocks for the budget at most; after
        `drain` nothing is done.
        """
        if self._ending:
            return PumpReport(task_type, more=True)
        return self._run(self._pump(task_type, budget_sec))

    def ask(self, answer: Callable[[], None]) -> None:
        """Have `answer` called on the loop soon: how others see that it turns. Never waits."""
        if not self._drained:
            self._loop.call_soon_threadsafe(answer)

    def stop_leasing(self) -> None:
        """Begin the end: take no more frames. Safe in a signal handler."""
        self._ending = True
        self._loop.call_soon_threadsafe(self._end_leasing)

    def _end_leasing(self) -> None:
        self._ending = True
        for lane in self._lanes.values():
            lane.lease_until = 0.0
            lane.wake()

    def drain(self, timeout_sec: float) -> None:
        """Stop for good: finish what is in flight within the time, give the rest back."""
        with self._drain_lock:
            if self._drained:
                return
            self._drained = True
        self._run(self._drain(timeout_sec))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[None, None, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _open(self) -> Workshop:
        shop = Workshop(self._runtime)
        self._note_renewal(self._loop.time(), self._runtime.settings.ai_analysis.lease_sec)
        keepers = (self._renew(), self._guard(), self._return_given_up())
        self._keepers = [asyncio.create_task(work) for work in keepers]
        return shop

    async def _pump(self, task_type: str, budget_sec: float) -> PumpReport:
        if self._ending:
            return PumpReport(task_type, more=True)
        lane = self._lanes.get(task_type)
        if lane is None:
            lane = self._lanes[task_type] = Lane(self._shop, task_type)
        lane.wake()
        if task_type in self._pumping:
            return PumpReport(task_type, busy=True)
        before = lane.counts()
        lane.lease_until = self._loop.time() + budget_sec
        running = self._running.get(task_type)
        if running is None or running.done():
            running = self._running[task_type] = asyncio.create_task(lane.run())
        self._pumping.add(task_type)
        try:
            await asyncio.wait({running}, timeout=budget_sec)
        finally:
            self._pumping.discard(task_type)
        if running.done() and not running.cancelled():
            running.result()  # a defect shows as a failed task
        after = lane.counts()
        return PumpReport(
            task_type,
            frames=after.frames - before.frames,
            finished=after.finished - before.finished,
            alerts=after.alerts - before.alerts,
            returned=after.returned - before.returned,
            more=lane.woken or lane.leasing,
        )

    async def _renew(self) -> None:
        """Keep the leases of this process alive, for as long as the process is."""
        while True:
            await self._tick()
            lease_sec = self._runtime.settings.ai_analysis.lease_sec
            tokens = sorted(self._tokens())
            if not tokens:
                self._note_renewal(self._loop.time(), lease_sec)
                continue
            began = self._loop.time()
            if began - self._renewed_at < min(lease_sec, self._renewed_for_sec) / 3:
                continue
            try:
                await self._shop.write(partial(self._extend, tokens, lease_sec))
                self._note_renewal(began, lease_sec)
            except DatabaseUnavailableError as error:
                log.warning("leases not renewed, trying again: %s", error)
            except Exception:
                # Without renewal every frame in flight would be given out a second time.
                log.exception("leases not renewed, trying again")

    async def _guard(self) -> None:
        """End the calls whose leases could not be renewed, before others may be given them."""
        while True:
            await self._tick()
            if self._loop.time() - self._renewed_at < GIVE_UP_AFTER * self._renewed_for_sec:
                continue
            self._renewed_at = self._loop.time()
            self._given_up |= self._tokens()
            count = sum([await lane.cancel_calls() for lane in self._lanes.values()])
            if count:
                log.warning("leases not renewed in time, calls given up: frames=%d", count)

    async def _return_given_up(self) -> None:
        """Give back what the guard gave up, once the database is there: others need not wait.

        Frames of the same lease that were answered meanwhile are settled first.
        """
        while True:
            await self._tick()
            if tokens := self._given_up - self._tokens():
                self._given_up -= tokens
                if not await self._give_back(sorted(tokens)):
                    self._given_up |= tokens

    def _note_renewal(self, at: float, lease_sec: float) -> None:
        self._renewed_at, self._renewed_for_sec = at, lease_sec

    async def _tick(self) -> None:
        """Until leases are looked at again: soon, too, when `lease_sec` was just changed."""
        await asyncio.sleep(min(_TICK_SEC, self._runtime.settings.ai_analysis.lease_sec / 10))

    def _tokens(self) -> set[str]:
        return set().union(*(lane.tokens() for lane in self._lanes.values()))

    def _extend(self, tokens: list[str], lease_sec: float) -> None:
        with self._runtime.db.write() as conn:
            ledger.renew(conn, tokens, time.time() + lease_sec)

    async def _drain(self, timeout_sec: float) -> None:
        self._end_leasing()
        running = {task for task in self._running.values() if not task.done()}
        if running:
            _, unfinished = await asyncio.wait(running, timeout=timeout_sec)
            for task in unfinished:
                task.cancel()
            await asyncio.gather(*unfinished, return_exceptions=True)
        tokens = sorted(self._tokens() | self._given_up)
        for lane in self._lanes.values():
            await lane.cancel_calls()
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        if tokens:
            await self._give_back(tokens, _GIVE_BACK_SEC)
        await self._shop.close()

    async def _give_back(self, tokens: list[str], limit_sec: float | None = None) -> bool:
        def give_back() -> int:
            with self._runtime.db.write() as conn:
                return ledger.give_back(conn, tokens)

        try:
            # A write that hangs holds up the writer: a stop must not wait for it.
            count = await asyncio.wait_for(self._shop.write(give_back), limit_sec)
        except (DatabaseUnavailableError, TimeoutError) as error:
            log.warning("leases not given back, else they expire by themselves: %s", error)
            return False
        except Exception:
            log.exception("leases not given back, else they expire by themselves")
            return False
        log.info("leases given back unused: frames=%d", count)
        return True
