"""Reads small things of the store on threads apart: a page never waits for a store that hangs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, Final, TypeVar

from easyai.errors import StoreUnavailableError
from easyai.runtime import Runtime

_WAIT_SEC: Final = 1.0  # the live state is late after three seconds
_PAUSE_SEC: Final = 30.0  # after the store did not answer
_AT_ONCE: Final = 8
_MOST_RUNNING: Final = 1000  # reads that run or wait for a thread

Key = TypeVar("Key", bound=Hashable)
Found = TypeVar("Found")


class StoreReads:
    """The reads of a process; a part of the runtime, safe between threads."""

    def __init__(self, _runtime: Runtime) -> None:
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="store-reads")
        self._lock = threading.Lock()
        self._running: dict[Hashable, Future[Any]] = {}
        self._late: set[Future[Any]] = set()
        self._paused_until = 0.0  # monotonic

    def run(self, reads: Mapping[Key, Callable[[], Found]]) -> dict[Key, Found]:
        """The results that are there within a second; the other reads go on.

        Nobody waits while an earlier read is late, and nothing is read in the 30 seconds after a
        StoreUnavailableError. Reads with the same key run once.
        """
        with self._lock:
            started = {
                key: future
                for key, read in reads.items()
                if (future := self._future(key, read)) is not None
            }
            self._late = {future for future in self._late if not future.done()}
            wait_sec = 0.0 if self._late else _WAIT_SEC
        done, late = wait(started.values(), wait_sec)
        with self._lock:
            self._late |= late
        return {
            key: future.result()
            for key, future in started.items()
            if future in done and not isinstance(future.exception(), StoreUnavailableError)
        }

    def close(self) -> None:
        """Let the threads end."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _future(self, key: Hashable, read: Callable[[], Any]) -> Future[Any] | None:
        if key not in self._running:
            if self._is_paused() or len(self._running) >= _MOST_RUNNING:
                return None
            self._running[key] = self._pool.submit(self._read, key, read)
        return self._running[key]

    def _read(self, key: Hashable, read: Callable[[], Found]) -> Found:
        try:
            return self._unless_paused(read)
        except StoreUnavailableError:
            self._paused_until = time.monotonic() + _PAUSE_SEC
            raise
        finally:
            with self._lock:
                del self._running[key]

    def _unless_paused(self, read: Callable[[], Found]) -> Found:
        if self._is_paused():  # since the read was queued
            raise StoreUnavailableError
        return read()

    def _is_paused(self) -> bool:
        return time.monotonic() < self._paused_until
