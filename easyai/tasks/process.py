"""What a worker process works with: opened on first use, after the fork, closed at shutdown."""

from __future__ import annotations

import importlib
import logging
import os
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from celery import signals
from celery.concurrency.thread import TaskPool as ThreadPool
from celery.worker import state

from easyai.db import clock, task_types, type_room
from easyai.db.library import library
from easyai.system.last_resort import LastResort
from easyai.tasks import bodies
from easyai.tasks.api_wait import ApiWait
from easyai.tasks.doorbell import open_ringing_runtime
from easyai.tasks.queues import serves

if TYPE_CHECKING:
    from easyai.pipeline.infer import InferenceLoop
    from easyai.pipeline.tell import Counts
    from easyai.process.presence import Presence
    from easyai.runtime import Runtime

log = logging.getLogger(__name__)

DRAIN_TIMEOUT_SEC = 15.0  # from the signal to stop until the frames in flight are given back
_TASKS_TIMEOUT_SEC = (
    8.0  # of it, for the tasks to end before the frames are given back without them
)
_LONGEST_STOP_SEC = DRAIN_TIMEOUT_SEC + 3


class WorkerProcess:
    """One runtime and one inference loop for all threads of this process."""

    def __init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._runtime: Runtime | None = None
        self._inference: InferenceLoop | None = None
        self._closing = threading.Lock()
        self._stopping = False
        self._stop_at = float("inf")  # monotonic: when draining must be over
        self.api_wait = ApiWait()
        #: Taken away just before the connections are closed.
        self.presence: Presence | None = None
        self.last_resort: LastResort | None = None

    def after_fork(self) -> None:
        """Start with nothing in a new child; the parent's connections stay the parent's."""
        # Kept from the garbage collector: closing them here would say goodbye to the server in
        # the parent's name, and SQLite would drop the parent's locks.
        _of_the_parent.append((self._runtime, self._inference))
        self._forget()

    def runtime(self) -> Runtime:
        """The runtime of this process."""
        with self._lock:
            return self._open()

    def inference(self) -> InferenceLoop:
        """The inference loop of this process."""
        with self._lock:
            from easyai.pipeline.infer import InferenceLoop

            if self._inference is None:
                self._inference = InferenceLoop(self._open(), serves)
            return self._inference

    @property
    def stopping(self) -> bool:
        """Whether the end has begun."""
        return self._stopping

    def ask_inference(self, answer: Callable[[], None]) -> bool:
        """Have `answer` called on the inference loop; false while there is none. Never waits."""
        inference = self._inference
        if inference is None:
            return False
        inference.ask(answer)
        return True

    def overview(self) -> dict[str, Any] | None:
        """What the dispatcher does now; None while there is none. Never waits."""
        inference = self._inference
        return None if inference is None else inference.overview()

    def clock_offset_sec(self) -> float | None:
        """Seconds by which this machine's clock is ahead of the database's; None: not known yet."""
        runtime = self._runtime
        return None if runtime is None else clock.known_offset_sec(runtime.db.engine)

    def _open(self) -> Runtime:
        if self._runtime is None:
            self._runtime = open_ringing_runtime()
        return self._runtime

    def task_types(self) -> list[str]:
        """Every task type that is known."""
        with self.runtime().db.read() as conn:
            return task_types.names(conn)

    def waiting_types(self) -> list[str]:
        """The task types with frames that wait."""
        with self.runtime().db.read() as conn:
            return sorted(type_room.waiting(conn))

    def stop_leasing(self) -> None:
        """Begin the end: take no more frames. Safe in a signal handler."""
        self._stopping = True
        self._stop_at = time.monotonic() + DRAIN_TIMEOUT_SEC
        if self._inference is not None:
            self._inference.stop_leasing()

    def wake(self, task_type: str) -> Counts | None:
        """Have the dispatcher look; None when the process is stopping.

        What became of the type's frames in this process since the last wake.
        """
        if self._stopping:
            return None
        if not self.api_wait.over:
            from easyai.pipeline.tell import Counts

            return Counts()  # once it is opened, the loop looks at all types by itself
        return self.inference().wake(task_type)

    def close(self) -> None:
        """Finish or give back the frames in flight and close every connection.

        Call when the tasks of this process have ended, or do not. Who calls second waits for the
        first.
        """
        with self._closing:
            self._close()

    def _close(self) -> None:
        with self._lock:
            runtime, inference = self._runtime, self._inference
            self._runtime = self._inference = None
        try:
            if inference is not None:
                left = self._stop_at - time.monotonic()
                inference.drain(min(max(left, 1.0), DRAIN_TIMEOUT_SEC))
        except Exception:
            # Other workers take those frames.
            log.exception("drain failed; the frames in flight return when their leases expire")
        finally:
            if self.presence is not None:
                self.presence.close()
            if runtime is not None:
                runtime.close()


_of_the_parent: list[Any] = []
process = WorkerProcess()
os.register_at_fork(after_in_child=process.after_fork)


@signals.worker_init.connect  # type: ignore[untyped-decorator]
def _load_bodies(**_: Any) -> None:
    """Import what the tasks need while this process has one thread."""
    bodies.load()
    importlib.import_module("easyai.tasks.rate_limit")
    importlib.import_module("easyai.tasks.inspection")


@signals.worker_ready.connect  # type: ignore[untyped-decorator]
def _warm_up(sender: Any, **_: Any) -> None:
    """Check whose store it is, take back what ended processes held, open the inference loop."""
    begin = _require_store
    if isinstance(sender.pool, ThreadPool):  # a forking pool would copy the loop half-way
        process.last_resort = LastResort(_LONGEST_STOP_SEC, process.close, _TASKS_TIMEOUT_SEC)
        process.api_wait.start()
        begin = _open_inference
    threading.Thread(target=_begin, args=(begin,), name="warm-up", daemon=True).start()


def _begin(begin: Callable[[], None]) -> None:
    from easyai.errors import StoreClaimedError

    try:
        begin()
        log.info("%s", library(process.runtime().db.url).words.en)
    except StoreClaimedError as error:
        log.critical("the worker ends: %s", error)
        state.should_stop = os.EX_CONFIG
    except Exception as error:  # noqa: BLE001 - the first frame tries again and says why
        log.warning("inference not opened yet: %s", error)


def _require_store() -> None:
    from easyai.pipeline.ownership import Ownership

    process.runtime().part(Ownership).check()


def _open_inference() -> None:
    from easyai.pipeline.reclaim import reclaim
    from easyai.registry.watch import SteadyClock

    process.runtime().part(SteadyClock)
    _require_store()
    reclaim(process.runtime())
    process.api_wait.wait()
    if not process.stopping:
        process.inference()


@signals.worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _stop_leasing(**_: Any) -> None:
    process.stop_leasing()
    if process.last_resort is not None:
        process.last_resort.stop_begins()


@signals.worker_process_shutdown.connect  # type: ignore[untyped-decorator]
@signals.worker_shutdown.connect  # type: ignore[untyped-decorator]
def _close(**_: Any) -> None:
    process.close()
