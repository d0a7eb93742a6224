"""Infer: the event loop of a process, on which its dispatcher and the calls to services run."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

import uvloop

from easyai.pipeline.dispatched import Serves
from easyai.pipeline.dispatcher import Dispatcher
from easyai.pipeline.frame_log import Counts
from easyai.pipeline.incoming import Incoming
from easyai.pipeline.lease_keeper import LeaseKeeper
from easyai.pipeline.worker_context import WorkerContext
from easyai.runtime import Runtime

log = logging.getLogger(__name__)

_GIVE_BACK_SEC: Final = 5.0  # at a stop
_AFTER_DEFECT_SEC: Final = 1.0
_LONGEST_LOOK_SEC: Final = 3.0  # then the dispatcher hangs: other workers are to look

Result = TypeVar("Result")


class InferenceLoop:
    """An asyncio loop in its own thread; its methods may be called from any thread.

    Make it after a fork; it leases and infers by itself until `drain` closes it.
    """

    def __init__(self, runtime: Runtime, serves: Serves | None = None) -> None:
        """`serves` returns whether this process takes frames of a task type; None: all types."""
        self._runtime = runtime
        self._drained = False
        self._drain_lock = threading.Lock()
        self._asked_at = 0.0  # monotonic: when the dispatcher was first asked to look since it did
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="infer", daemon=True)
        self._thread.start()
        self._run(self._open(serves))

    def wake(self, task_type: str) -> Counts:
        """Look soon for new frames of a type; never waits.

        Returns the counts of the type's frames in this process since the last wake.
        """
        if not self._drained:
            self._loop.call_soon_threadsafe(self._dispatcher.wake, task_type)
        return self._dispatcher.tally.take(task_type)

    def look(self) -> bool:
        """Look soon for new frames of all types; never waits.

        Returns False when other workers are to look as well: the dispatcher will not look, has not
        looked for seconds, or has left more frames than it takes at once.
        """
        if self._drained:
            return False
        now = time.monotonic()
        if self._dispatcher.looked_at >= self._asked_at:
            self._asked_at = now
        self._loop.call_soon_threadsafe(self._dispatcher.look)
        hangs = now - self._asked_at >= _LONGEST_LOOK_SEC
        return not hangs and not self._dispatcher.is_behind

    def take_in(self, incoming: Incoming) -> None:
        """Have the next transaction record and lease new pictures; never waits.

        Where no transaction follows, because the loop ends, `incoming` gets no answer.
        """
        if not self._drained:
            self._loop.call_soon_threadsafe(self._dispatcher.take_in, incoming)

    def overview(self) -> dict[str, Any]:
        """The dispatcher's present work, as JSON values; never waits."""
        return self._dispatcher.overview()

    def ask(self, answer: Callable[[], None]) -> None:
        """Call `answer` on the loop soon, which shows others that the loop runs. Never waits."""
        if not self._drained:
            self._loop.call_soon_threadsafe(answer)

    def stop_leasing(self) -> None:
        """Take no more frames, before `drain`. Safe in a signal handler."""
        if not self._drained:
            self._loop.call_soon_threadsafe(self._dispatcher.stop_leasing)

    def drain(self, timeout_sec: float) -> None:
        """Stop for good: finish frames in flight within the time, give the rest back."""
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

    async def _open(self, serves: Serves | None) -> None:
        self._context = WorkerContext(self._runtime)
        self._dispatcher = Dispatcher(self._context, serves)
        self._keeper = LeaseKeeper(self._context, self._dispatcher)
        self._running = asyncio.create_task(self._dispatch())

    async def _dispatch(self) -> None:
        ended = False
        while not ended:
            try:
                await self._dispatcher.run()
                ended = True
            except Exception:
                # An error of our own must not stop inference, and must be logged.
                log.exception("the dispatcher failed, it goes on")
                await asyncio.sleep(_AFTER_DEFECT_SEC)

    async def _drain(self, timeout_sec: float) -> None:
        self._dispatcher.stop_leasing()
        await asyncio.wait({self._running}, timeout=timeout_sec)
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
        self._dispatcher.tally.log(at_once=True)
        tokens = sorted(self._dispatcher.tokens() | self._keeper.given_up)
        await self._dispatcher.calls.close()
        await self._keeper.close()
        if tokens:
            await self._keeper.give_back(tokens, _GIVE_BACK_SEC)
        await self._context.close()
