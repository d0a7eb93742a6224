"""Wakes a worker for a task type by a message that carries nothing but the type."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from easyai.db import task_types
from easyai.db.session import Database
from easyai.settings import SettingsSource
from easyai.tasks.outage import OutageLog
from easyai.tasks.publisher import Publisher

if TYPE_CHECKING:
    from celery import Celery

    from easyai.runtime import Runtime

log = logging.getLogger(__name__)

# A wake nobody has answered for this long may be lost, and the next one is sent.
QUIET_SEC = 3.0


_CLOSE_TIMEOUT_SEC = 1.0


class CeleryDoorbell:
    """Rings through the broker; safe between threads, one per process.

    A thread of its own sends the messages: a broker that hangs must not hold up a request or a
    scan. Call after the commit of what the worker shall find: a ring writes to the database itself.
    """

    def __init__(self, database: Callable[[], Database], app: Celery | None = None) -> None:
        """`database` gives the one of this process; `app` is the application unless given."""
        self._database = database
        self._publisher = Publisher(app)
        self._outage = OutageLog(log, "broker does not answer, frames wait for the next scan")
        self._changed = threading.Condition()
        self._waiting: list[str] = []  # types to send a message for
        self._idle = True
        self._thread: threading.Thread | None = None

    def ring(self, task_type: str) -> None:
        """Wake a worker, unless an earlier wake is still unanswered; never raises.

        A ring that cannot be sent is given up: the next scan rings again.
        """
        try:
            with self._database().write() as conn:
                ours = task_types.claim_ring(conn, task_type, time.time(), QUIET_SEC)
        except Exception as error:  # noqa: BLE001 - the caller has done its own work
            log.warning("no ring for %s, the next scan rings again: %s", task_type, error)
            return
        if ours:
            self._hand_over(task_type)

    def close(self) -> None:
        """Wait a moment until every ring was sent."""
        self.flush(_CLOSE_TIMEOUT_SEC)

    def flush(self, timeout_sec: float) -> bool:
        """Wait until every ring was sent or given up; false when time was up first."""
        with self._changed:
            return self._changed.wait_for(lambda: self._idle and not self._waiting, timeout_sec)

    def _hand_over(self, task_type: str) -> None:
        with self._changed:
            if task_type not in self._waiting:
                self._waiting.append(task_type)
            if self._thread is None:
                self._thread = threading.Thread(target=self._send, name="doorbell", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def _send(self) -> None:
        while True:
            with self._changed:
                self._idle = not self._waiting
                self._changed.notify_all()
                self._changed.wait_for(lambda: bool(self._waiting))
                self._idle = False
                task_type = self._waiting.pop(0)
            try:
                self._publisher.publish(task_type)
            except Exception as error:  # noqa: BLE001 - each broker has errors of its own
                self._outage.failed(error)
                self._give_up(task_type)
            else:
                self._outage.worked()

    def _give_up(self, task_type: str) -> None:
        # All of them: one after the other they would wait for the same silence.
        with self._changed:
            given_up = [task_type, *self._waiting]
            self._waiting.clear()
        try:
            with self._database().write() as conn:
                for name in given_up:
                    task_types.answer_ring(conn, name)
        except Exception as error:  # noqa: BLE001 - the claims lapse after QUIET_SEC
            log.debug("rings not taken back: %s", error)


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
