"""An asyncio event loop whose clock, waiting and threads are those of the simulation.

The dispatcher of a worker runs on it as on a real loop: the loop is an actor, and so is each
piece of work that it gives to a thread.
"""

from __future__ import annotations

import asyncio
import threading
import time
from asyncio import base_events, events
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar, TypeVar

from tests.simulation.scheduler import Machine, Process, Scheduler, Signal

_LONGEST_WAIT_SEC = 3600.0

Result = TypeVar("Result")


class _Selector:
    """Waits for nothing but wakes from other actors."""

    def __init__(self, woken: Signal, machine: Machine) -> None:
        self._woken = woken
        self._machine = machine

    def select(self, timeout: float | None) -> list[Any]:
        """Wait, unless there is something to do at once."""
        if timeout is None or timeout > 0:
            seconds = _LONGEST_WAIT_SEC if timeout is None else timeout
            self._woken.wait(self._machine.lasts(seconds))
        return []

    def close(self) -> None:
        """Nothing is open."""


class SimLoop(base_events.BaseEventLoop):
    """A loop of a process."""

    def __init__(
        self, scheduler: Scheduler, process: Process, failed: Callable[[str], None]
    ) -> None:
        """`failed` is called with errors that nobody awaits."""
        super().__init__()
        self._sim = scheduler
        self._process = process
        self._failed = failed
        self._woken = Signal(scheduler)
        self._selector = _Selector(self._woken, process.machine)

    def time(self) -> float:
        """The monotonic clock of its machine."""
        return time.monotonic()

    def _write_to_self(self) -> None:
        self._woken.set()

    def _process_events(self, _events: list[Any]) -> None:
        """There are none."""

    def run(self) -> None:
        """Run until the process ends."""
        events._set_running_loop(self)
        self._thread_id = threading.get_ident()
        while True:
            self._run_once()  # type: ignore[attr-defined]

    def run_in_executor(  # type: ignore[override]
        self, executor: SimPool | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Have a piece of work done by a thread, which is an actor here."""
        future = self.create_future()
        job = _Job(self, future, lambda: func(*args))
        if executor is None:
            self._sim.spawn(f"{self._process.name} thread", self._process, job)
        else:
            executor.add(job)
        return future

    def in_actor(self, name: str, work: Callable[[], Result]) -> asyncio.Future[Result]:
        """Have work done by an actor that ends when the future is cancelled."""
        future: asyncio.Future[Result] = self.create_future()
        actor = self._sim.spawn(name, self._process, _Job(self, future, work))
        future.add_done_callback(lambda done: self._sim.end(actor) if done.cancelled() else None)
        return future

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """An error that nobody awaits; remains of a killed process do not count."""
        if self._process.alive and not self._sim.stopped:
            self._failed(f"{context.get('message')}: {context.get('exception')!r}")

    def finish(self, future: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
        """Give the result of a piece of work to whoever awaits it."""
        self.call_soon_threadsafe(_settle, future, result, error)


def _settle(future: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)


class _Job:
    """A piece of work whose result an asyncio future gets."""

    def __init__(self, loop: SimLoop, future: asyncio.Future[Any], work: Callable[[], Any]) -> None:
        self._loop = loop
        self._future = future
        self._work = work

    def __call__(self) -> None:
        result, failure = None, None
        try:
            result = self._work()
        except Exception as error:  # noqa: BLE001 - whoever awaits it gets it
            failure = error
        self._loop.finish(self._future, result, failure)


class SimPool:
    """Stands in for ThreadPoolExecutor, whose submitted work so many actors take in order.

    Also stands in for SideBySide.
    """

    scheduler: ClassVar[Scheduler]

    def __init__(self, max_workers: int = 1, *_: Any, **__: Any) -> None:
        self._free = max_workers
        self._jobs: deque[Callable[[], Any]] = deque()

    def __enter__(self) -> SimPool:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def add(self, job: Callable[[], Any]) -> None:
        """Have a job done, when a thread is free."""
        self._jobs.append(job)
        if self._free > 0:
            self._free -= 1
            process = self.scheduler.current.process
            name = f"{process.name if process else 'world'} pool"
            self.scheduler.spawn(name, process, self._work)

    def _work(self) -> None:
        while self._jobs:
            self._jobs.popleft()()
        self._free += 1

    def submit(self, work: Callable[..., Any], *args: Any) -> None:
        """As Executor.submit, for work whose result nobody wants."""
        self.add(lambda: work(*args))

    def map(self, work: Callable[..., Result], *items: Iterable[Any]) -> Iterator[Result]:
        """As Executor.map, but sequential and in this thread."""
        return map(work, *items)

    def shutdown(self, *_: Any, **__: Any) -> None:
        """Nothing is open."""

    shut_down = shutdown
