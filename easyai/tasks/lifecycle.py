"""The start and the shutdown of a worker, driven by Celery's signals."""

from __future__ import annotations

import importlib
import logging
import os
import threading
from collections.abc import Callable
from typing import Any, Final

from celery import signals
from celery.concurrency.thread import TaskPool as ThreadPool
from celery.worker import state

from easyai.messages.catalogue import text
from easyai.process.database_library import library
from easyai.system.garbage import spare_loaded
from easyai.system.last_resort import LastResort
from easyai.tasks import task_modules
from easyai.tasks.process import DRAIN_TIMEOUT_SEC, WorkerProcess, process_of

log = logging.getLogger(__name__)

# The part of the drain time in which tasks may end; then the frames are returned without them.
_TASKS_TIMEOUT_SEC: Final = 8.0
_LONGEST_STOP_SEC: Final = DRAIN_TIMEOUT_SEC + 3


class Lifecycle:
    """Opens the parts of a worker, and closes them."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._last_resort: LastResort | None = None

    def begin(self) -> None:
        """Import the tasks' modules before this process has threads, and connect the signals."""
        task_modules.load()
        importlib.import_module("easyai.tasks.celery_rate_limit")
        importlib.import_module("easyai.tasks.inspection")
        self._app.worker_process = WorkerProcess(self._app)
        for signal, follow in (
            (signals.worker_process_init, self._forked),
            (signals.worker_ready, self._ready),
            (signals.worker_shutting_down, self._stop_leasing),
            (signals.worker_process_shutdown, self._close),
            (signals.worker_shutdown, self._close),
        ):
            signal.connect(follow, weak=False)

    def _forked(self, **_: Any) -> None:
        """Start a new child without open parts; the parent's connections stay the parent's."""
        self._app.worker_process = WorkerProcess(self._app, process_of(self._app))

    def _ready(self, sender: Any, **_: Any) -> None:
        """Check the store's owner, reclaim frames of dead processes, open the inference loop."""
        spare_loaded()
        process, begin = process_of(self._app), require_store
        if isinstance(sender.pool, ThreadPool):  # a forking pool would copy the loop half-way
            self._last_resort = LastResort(_LONGEST_STOP_SEC, process.close, _TASKS_TIMEOUT_SEC)
            process.api_wait.start()
            begin = open_inference
            process.take_in_frames()
        threading.Thread(
            target=_warm_up, args=(process, begin), name="warm-up", daemon=True
        ).start()

    def _stop_leasing(self, **_: Any) -> None:
        process_of(self._app).stop_leasing()
        if self._last_resort is not None:
            self._last_resort.stop_begins()

    def _close(self, **_: Any) -> None:
        process_of(self._app).close()


def _warm_up(process: WorkerProcess, begin: Callable[[WorkerProcess], None]) -> None:
    from easyai.errors import StoreClaimedError

    try:
        begin(process)
        log.info("%s", text(library(process.runtime().db.url).summary))
    except StoreClaimedError as error:
        log.critical("the worker ends: %s", error)
        state.should_stop = os.EX_CONFIG
    except Exception as error:  # noqa: BLE001 - the first frame tries again and logs the error
        log.warning("inference not opened yet: %s", error)


def require_store(process: WorkerProcess) -> None:
    """Raise StoreClaimedError where another installation uses the store."""
    from easyai.pipeline.ownership import Ownership

    process.runtime().part(Ownership).check()


def open_inference(process: WorkerProcess) -> None:
    """Open the inference loop once the API answers, unless the process stops meanwhile."""
    from easyai.pipeline.reclaim import reclaim
    from easyai.registry.watch import SteadyClock

    process.runtime().part(SteadyClock)
    require_store(process)
    reclaim(process.runtime())
    process.api_wait.wait()
    if not process.stopping:
        process.inference()
