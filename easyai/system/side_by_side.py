"""Calls that wait for a server, side by side in a single thread.

Each call runs in a greenlet. While a call waits for its socket, the thread runs the other calls. A
thread for each call would cost as much CPU time as a request of the object store.
"""

from __future__ import annotations

import math
import select
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from itertools import count
from typing import Any, Final, TypeVar

from greenlet import getcurrent, greenlet

READABLE: Final = select.POLLIN
WRITABLE: Final = select.POLLOUT

Item = TypeVar("Item")
Result = TypeVar("Result")


class SideBySide:
    """Runs calls in the thread of the caller, so many at once in all threads that share this.

    A call that waits for a socket by `wait` lets others run: it must not hold a lock then, except
    within `alone`.
    """

    def __init__(self, most: int) -> None:
        self._places = threading.Semaphore(most)
        self._is_shut_down = False

    def map(self, call: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """The results in the order of the items, once all calls have ended.

        If calls raise errors, raises the error of the first such item. Raises CancelledError, and
        begins no further call, after `shut_down`.
        """
        waiting = deque(enumerate(items))
        results: list[Any] = [None] * len(waiting)
        errors: dict[int, Exception] = {}
        turns = _Turns()

        def work() -> None:
            try:
                while waiting:
                    index, item = waiting.popleft()
                    try:
                        results[index] = self._run(call, item)
                    except Exception as error:  # noqa: BLE001 - raised when all calls have ended
                        errors[index] = error
            finally:
                turns.running -= 1
                self._places.release()

        while waiting or turns.running:
            # Without calls of its own, the thread waits for those of other threads.
            while waiting and self._places.acquire(blocking=not turns.running):
                turns.begin(work)
            if turns.running:
                turns.take()
        if errors:
            raise errors[min(errors)]
        return results

    def _run(self, call: Callable[[Item], Result], item: Item) -> Result:
        if self._is_shut_down:
            raise CancelledError
        return call(item)

    def shut_down(self) -> None:
        """Begin no further call, in any thread; never waits."""
        self._is_shut_down = True


def wait(descriptor: int, event: int, seconds: float) -> bool:
    """Wait until a socket is READABLE or WRITABLE, or has failed; false after so many seconds."""
    call = getcurrent()
    if isinstance(call, _Call) and not call.is_alone:
        return call.turns.wait(call, descriptor, event, seconds)
    poll = select.poll()
    poll.register(descriptor, event)
    return bool(poll.poll(max(0.0, seconds) * 1000))


def pause(seconds: float) -> None:
    """Sleep, while other calls of the thread go on."""
    call = getcurrent()
    if isinstance(call, _Call) and not call.is_alone:
        call.turns.wait(call, None, 0, seconds)
    else:
        time.sleep(seconds)


@contextmanager
def alone() -> Iterator[None]:
    """Keep the other calls of the thread waiting during the block, which may hold a lock."""
    call = getcurrent()
    if not isinstance(call, _Call):
        yield
        return
    before, call.is_alone = call.is_alone, True
    try:
        yield
    finally:
        call.is_alone = before


class _Call(greenlet):  # type: ignore[misc]
    turns: _Turns
    is_alone = False


class _Turns:
    """The calls of a `map`, and the sockets for which they wait."""

    def __init__(self) -> None:
        self.running = 0
        self._poll = select.poll()
        # By descriptor, or by a number below 0 for a pause: until when (monotonic).
        self._waiting: dict[int, tuple[_Call, float]] = {}
        self._pauses = count(-1, -1)
        self._earliest = math.inf  # no wait is over before (monotonic)

    def begin(self, work: Callable[[], None]) -> None:
        """Run calls until they wait or end."""
        call = _Call(work)
        call.turns = self
        self.running += 1
        call.switch()

    def wait(self, call: _Call, descriptor: int | None, event: int, seconds: float) -> bool:
        """Let the other calls run; false if the descriptor was not ready in time."""
        if descriptor is None:
            descriptor = next(self._pauses)
        else:
            self._poll.register(descriptor, event)
        ends_at = time.monotonic() + seconds
        self._waiting[descriptor] = call, ends_at
        self._earliest = min(self._earliest, ends_at)
        return bool(call.parent.switch())

    def take(self) -> None:
        """Wait until calls can go on, and run them until they wait again or end."""
        limit_sec = max(0.0, self._earliest - time.monotonic())
        self._run_ready(limit_sec)
        if time.monotonic() >= self._earliest:
            # While other calls ran, the answer of a late call may have come.
            self._run_ready(0.0)
            self._end_late()

    def _run_ready(self, limit_sec: float) -> None:
        """Wait so long for sockets, and run the calls that waited for them."""
        for descriptor, _ in self._poll.poll(limit_sec * 1000):
            self._poll.unregister(descriptor)
            self._waiting.pop(descriptor)[0].switch(True)

    def _end_late(self) -> None:
        """Run the calls whose time to wait is over."""
        now = time.monotonic()
        late = [key for key, (_, ends_at) in self._waiting.items() if ends_at <= now]
        calls = [self._waiting.pop(key)[0] for key in late]
        self._earliest = min((ends_at for _, ends_at in self._waiting.values()), default=math.inf)
        for descriptor, call in zip(late, calls, strict=True):
            if descriptor >= 0:
                self._poll.unregister(descriptor)
            call.switch(False)
