"""The worker's threads: a pool for wakes, and a separate thread for each periodic task.

Whatever the value of ``-c``, and however many task types ring, no periodic task waits for inference
or for another periodic task.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

from celery.concurrency.base import apply_target
from celery.concurrency.thread import ApplyResult
from celery.concurrency.thread import TaskPool as ThreadPool
from celery.utils.timer2 import Timer as ThreadTimer

from easyai.tasks.config import PERIODIC

_MOST: Final = 2  # ticks of a periodic task at once: the first runs, the second waits

Target = Callable[..., Any]


class IdleTimer(ThreadTimer):  # type: ignore[misc]
    """Celery's timer thread, which looks for work once a second; this timer waits for work.

    Over the embedded broker a worker starts it for events, which are off.
    """

    _ends = False

    def stop(self) -> None:
        """End the thread."""
        with self.not_empty:
            self._ends = True
            self.not_empty.notify()
        super().stop()

    def _next_entry(self) -> float | None:
        with self.not_empty:
            while not (len(self.schedule) or self._ends):
                self.not_empty.wait()
        delay: float | None = None if self._ends else super()._next_entry()
        return delay


class TaskPool(ThreadPool):  # type: ignore[misc]  # celery has no types
    """Celery's pool of threads, in which a periodic task has a thread of its own."""

    Timer = IdleTimer

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._task_threads = {name: _TaskThread(name) for name in PERIODIC}

    def on_apply(
        self,
        target: Target,
        args: tuple[Any, ...] | None = None,
        kwargs: dict[str, Any] | None = None,
        callback: Target | None = None,
        accept_callback: Target | None = None,
        **options: Any,
    ) -> ApplyResult:
        """Run a task; its name is the first argument of every target."""
        task_thread = self._task_threads.get(args[0]) if args else None
        if task_thread is None:
            return super().on_apply(target, args, kwargs, callback, accept_callback, **options)
        work = (args, kwargs, callback, accept_callback)
        future = task_thread.submit(apply_target, target, *work)
        if future is None:
            future = Future()
            future.set_result(apply_target(_skip, *work))
        return ApplyResult(future)

    def on_stop(self) -> None:
        """Wait for the running wakes and periodic tasks."""
        super().on_stop()
        for task_thread in self._task_threads.values():
            task_thread.stop()


class _TaskThread:
    """The thread of a periodic task, and the number of its ticks that run or wait."""

    def __init__(self, name: str) -> None:
        self._executor = ThreadPoolExecutor(1, name)
        self._lock = threading.Lock()
        self._ticks = 0

    def submit(self, work: Target, *args: Any) -> Future[Any] | None:
        """Run `work` soon; returns None, and runs nothing, when a tick runs and another tick waits.

        A waiting tick is not acknowledged. Without a bound, waiting ticks would use up the worker's
        prefetch, and hold up wakes and other tasks.
        """
        with self._lock:
            if self._ticks >= _MOST:
                return None
            self._ticks += 1
        future = self._executor.submit(work, *args)
        future.add_done_callback(self._ended)
        return future

    def stop(self) -> None:
        """Wait for the running tick; cancel the waiting tick."""
        self._executor.shutdown(cancel_futures=True)

    def _ended(self, _: Future[Any]) -> None:
        with self._lock:
            self._ticks -= 1


def _skip(*_: Any, **__: Any) -> tuple[int, dict[str, str], float]:
    """The return value of Celery's own targets: not failed, the result, seconds taken."""
    return 0, {"skipped": "a tick runs and another waits in this worker"}, 0.0
