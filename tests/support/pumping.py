"""An inference loop that leases only while a test lets it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Coroutine, Iterator
from concurrent.futures import wait
from contextlib import contextmanager

from easyai.pipeline.frame_log import Counts
from easyai.pipeline.infer import InferenceLoop
from easyai.runtime import Runtime

_LOOK_SEC = 0.002
_LONGEST_LOOK_SEC = 3.0


class PumpedLoop(InferenceLoop):
    """Takes frames of a task type while it is pumped; calls under way then go on by themselves."""

    def __init__(self, runtime: Runtime) -> None:
        self._pumped: Counter[str] = Counter()
        self._pumped_lock = threading.Lock()
        super().__init__(runtime, lambda task_type: self._pumped[task_type] > 0)

    def pump(self, task_type: str, budget_sec: float) -> Counts:
        """Wake it for a type, until no work is left or the budget is over; return the counts."""
        began = time.monotonic()
        with self.pumped(task_type):
            # Asked on the loop, between two of its steps: its state is consistent then.
            while self._asked(self._goes_on(time.monotonic() - began, budget_sec)):
                time.sleep(_LOOK_SEC)
        return self._dispatcher.tally.take(task_type)

    @contextmanager
    def pumped(self, task_type: str) -> Iterator[None]:
        """Frames of a type are taken while the block runs; it is woken once."""
        with self._pumped_lock:
            self._pumped[task_type] += 1
        try:
            self._run(self._wake(task_type))
            yield
        finally:
            with self._pumped_lock:
                self._pumped[task_type] -= 1

    @property
    def busy(self) -> bool:
        """Whether frames are looked for, called or settled, or pictures carried."""
        return self._run(self._is_busy())

    async def _is_busy(self) -> bool:
        return self._dispatcher.busy

    def _asked(self, work: Coroutine[None, None, bool]) -> bool:
        """The answer to a question on the loop; False when the loop ends meanwhile, by a drain."""
        try:
            answer = asyncio.run_coroutine_threadsafe(work, self._loop)
        except RuntimeError:  # closed
            work.close()
            return False
        while not (answer.done() or self._loop.is_closed()):
            wait([answer], timeout=0.1)
        if answer.done():
            return answer.result()
        work.close()
        return False

    async def _goes_on(self, seconds: float, budget_sec: float) -> bool:
        dispatcher = self._dispatcher
        looks = (
            bool(dispatcher._inbox.rung) or dispatcher._in_transaction
        )  # at least once, on a busy machine
        return (looks and seconds < _LONGEST_LOOK_SEC) or (dispatcher.busy and seconds < budget_sec)

    async def _wake(self, task_type: str) -> None:
        self._dispatcher.wake(task_type)
