"""The clocks of a run: `time.time` and its like give the clock of the process that runs."""

from __future__ import annotations

import os
import random
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from easyai.system import identity
from tests.simulation.scheduler import EPOCH, Machine, Process, Scheduler

_NO_MACHINE = Machine("outside")
_NOBODY = Process("outside", _NO_MACHINE, 1)


class _Timer:
    """Replaces threading.Timer: a further actor of the process."""

    def __init__(self, scheduler: Scheduler, seconds: float, work: Callable[..., None]) -> None:
        self._scheduler = scheduler
        self._seconds = seconds
        self._work = work
        self._cancelled = False
        self.daemon = True

    def start(self) -> None:
        """Begin to wait."""
        current = self._scheduler.current
        self._scheduler.spawn(f"timer of {current.name}", current.process, self._run, self._seconds)

    def _run(self) -> None:
        if not self._cancelled:
            self._work()

    def cancel(self) -> None:
        """Do nothing when the time is over."""
        self._cancelled = True


class _ThreadLock:
    """Stands in for threading.Lock: threads are actors here."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._locked = False

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Wait for it, however long."""
        while self._locked:
            if not blocking:
                return False
            self._scheduler.sleep(0.001)
        self._locked = True
        return True

    def release(self) -> None:
        """Free the lock for the next actor."""
        self._locked = False

    def locked(self) -> bool:
        """Whether the lock is held."""
        return self._locked

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


@contextmanager
def simulated_time(scheduler: Scheduler, machines: Sequence[Machine]) -> Iterator[None]:
    """Replaces the clocks, the timers and the sources of chance.

    The API is no process of a run: it has the clock of the only machine, or the true time.
    """
    of_api = machines[0] if len(machines) == 1 else _NO_MACHINE

    def machine() -> Machine:
        process = scheduler.current.process
        return process.machine if process is not None else of_api

    rng = random.Random(scheduler.seed)
    replaced: list[tuple[Any, str, Any]] = [
        (time, "time", lambda: machine().wall(scheduler.now)),
        (time, "monotonic", lambda: machine().monotonic(scheduler.now)),
        (time, "perf_counter", lambda: machine().monotonic(scheduler.now)),
        (time, "sleep", lambda seconds: scheduler.sleep(machine().lasts(seconds))),
        (
            threading,
            "Timer",
            lambda seconds, work: _Timer(scheduler, machine().lasts(seconds), work),
        ),
        (threading, "Lock", lambda: _ThreadLock(scheduler)),
        (random, "uniform", rng.uniform),
        (random, "random", rng.random),
        (secrets, "token_hex", lambda size=8: f"{rng.getrandbits(size * 8):0{size * 2}x}"),
    ]
    with ExitStack() as stack:
        for where, name, replacement in replaced:
            stack.enter_context(patch.object(where, name, replacement))
        yield


@contextmanager
def simulated_identity(scheduler: Scheduler, processes: Sequence[Process]) -> Iterator[None]:
    """Lets easyai.system.identity see the processes of the run; none is ever waited for."""

    def current() -> Process:
        return scheduler.current.process or _NOBODY

    def runs(pid: int, _ticks: int | None) -> bool:
        here = current().machine
        return any(
            process.alive for process in processes if process.pid == pid and process.machine is here
        )

    replaced: list[tuple[Any, str, Any]] = [
        (identity, "home", lambda: current().machine.name),
        (identity, "runs", runs),
        (identity, "start_ticks", lambda pid: pid),
        (os, "getpid", lambda: current().pid),
    ]
    with ExitStack() as stack:
        for where, name, replacement in replaced:
            stack.enter_context(patch.object(where, name, replacement))
        yield


def true_time(scheduler: Scheduler) -> float:
    """Unix seconds by no machine's clock."""
    return EPOCH + scheduler.now
