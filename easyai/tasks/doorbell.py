"""Wakes a worker for a task type by a message that carries nothing but the type."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from easyai.db import task_types
from easyai.db.session import Database
from easyai.settings import SettingsSource
from easyai.tasks.outage import OutageLog
from easyai.tasks.queues import infer_queue

if TYPE_CHECKING:
    from celery import Celery

    from easyai.runtime import Runtime

log = logging.getLogger(__name__)

INFER_TASK = "easyai.infer"
# A wake nobody has answered for this long may be lost, and the next one is sent.
QUIET_SEC = 3.0
# Generous: machines whose clocks differ by more would drop every wake as expired.
EXPIRES_SEC = 30.0
# While the broker is down, only one ring in this many seconds finds out whether it is back.
_RETRY_EVERY_SEC = 1.0


class CeleryDoorbell:
    """Rings through the broker; safe between threads.

    Call after the commit of what the worker shall find: a ring writes to the database itself.
    """

    def __init__(self, database: Callable[[], Database], app: Celery | None = None) -> None:
        """`database` gives the one of this process; `app` is the application unless given."""
        self._database = database
        self._app = app
        self._outage = OutageLog(log, "broker does not answer, frames wait for the next scan")
        self._silent_until = 0.0

    def ring(self, task_type: str) -> None:
        """Wake a worker, unless an earlier wake is still unanswered.

        Never raises, and takes seconds at most: whoever records frames must not stop because a
        message cannot be sent. The next scan rings again.
        """
        if time.monotonic() < self._silent_until:
            return
        try:
            if not self._claim(task_type):
                return
        except Exception as error:  # noqa: BLE001
            log.warning("no ring for %s, the next scan rings again: %s", task_type, error)
            return
        try:
            self._publish(task_type)
        except Exception as error:  # noqa: BLE001 - each broker has errors of its own
            self._silent_until = time.monotonic() + _RETRY_EVERY_SEC
            self._outage.failed(error)
            self._unclaim(task_type)
        else:
            self._outage.worked()

    def _claim(self, task_type: str) -> bool:
        with self._database().write() as conn:
            return task_types.claim_ring(conn, task_type, time.time(), QUIET_SEC)

    def _unclaim(self, task_type: str) -> None:
        try:
            with self._database().write() as conn:
                task_types.answer_ring(conn, task_type)
        except Exception as error:  # noqa: BLE001 - the claim lapses by itself after QUIET_SEC
            log.debug("ring of %s not taken back: %s", task_type, error)

    def _publish(self, task_type: str) -> None:
        self._application().send_task(
            INFER_TASK,
            args=(task_type,),
            queue=infer_queue(task_type),
            expires=EXPIRES_SEC,
            expiration=EXPIRES_SEC,  # RabbitMQ clears the queue of a type that nobody serves
            ignore_result=True,
            # One retry: a connection from before the broker's restart fails the first time.
            retry=True,
            retry_policy={"max_retries": 1, "interval_start": 0, "interval_max": 0.2},
        )

    def _application(self) -> Celery:
        if self._app is None:
            from easyai.celery import app  # which imports this module

            self._app = app
        return self._app


def open_ringing_runtime(
    source: SettingsSource | None = None, app: Celery | None = None
) -> Runtime:
    """Open a runtime whose doorbell rings through Celery."""
    from easyai.runtime import open_runtime

    runtime: Runtime

    def database() -> Database:
        return runtime.db

    runtime = open_runtime(source, CeleryDoorbell(database, app))
    return runtime
