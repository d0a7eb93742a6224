"""Wakes workers for task types, each by a message that carries nothing but the type."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from easyai.db import clock, rings
from easyai.db.session import Database
from easyai.settings.source import SettingsSource
from easyai.tasks.outage import OutageLog
from easyai.tasks.publisher import Publisher

if TYPE_CHECKING:
    from celery import Celery

    from easyai.runtime import Runtime

log = logging.getLogger(__name__)

# A wake nobody has answered for this long may be lost, and the next one is sent.
QUIET_SEC = 3.0
_SHOWN = 5  # types named in a log line
_CLOSE_TIMEOUT_SEC = 1.0


class CeleryDoorbell:
    """Rings through the broker; safe between threads, one per process.

    A thread of its own sends the messages: a broker that hangs must not hold up a request or a
    scan. Call after the commit of what the worker shall find: a ring writes to the database itself.
    """

    def __init__(self, database: Callable[[], Database], app: Celery) -> None:
        """`database` gives the one of this process; `app` sends."""
        self._database = database
        self._publisher = Publisher(app, lambda: clock.known_offset_sec(database().engine))
        self._outage = OutageLog(log, "broker does not answer, frames wait for the next scan")
        self._changed = threading.Condition()
        self._waiting: dict[str, None] = {}  # types to send a message for, in order
        self._idle = True
        self._thread: threading.Thread | None = None

    def ring_all(self, task_types: Iterable[str]) -> None:
        """Wake a worker for each type, unless an earlier wake is still unanswered; never raises.

        All are claimed in one transaction. A ring that cannot be sent is given up: the next scan
        rings again.
        """
        names = sorted(set(task_types))
        if not names:
            return
        try:
            with self._database().write() as conn:
                ours = rings.claim(conn, names, clock.now(conn), QUIET_SEC)
        except Exception as error:  # noqa: BLE001 - the caller has done its own work
            shown = ", ".join(names[:_SHOWN]) + ("…" if len(names) > _SHOWN else "")
            log.warning("no ring for %s, the next scan rings again: %s", shown, error)
            return
        if ours:
            self._hand_over(ours)

    def close(self) -> None:
        """Wait a moment until every ring was sent."""
        self.flush(_CLOSE_TIMEOUT_SEC)

    def flush(self, timeout_sec: float) -> bool:
        """Wait until every ring was sent or given up; false when time was up first."""
        with self._changed:
            return self._changed.wait_for(lambda: self._idle and not self._waiting, timeout_sec)

    def _hand_over(self, names: list[str]) -> None:
        with self._changed:
            self._waiting.update(dict.fromkeys(names))
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
                task_type = next(iter(self._waiting))
                del self._waiting[task_type]
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
                rings.answer(conn, given_up)
        except Exception as error:  # noqa: BLE001 - the claims lapse after QUIET_SEC
            log.debug("rings not taken back: %s", error)


def open_ringing_runtime(app: Celery, source: SettingsSource | None = None) -> Runtime:
    """Open a runtime whose doorbell rings through Celery."""
    from easyai.runtime import open_runtime

    runtime: Runtime

    def database() -> Database:
        return runtime.db

    runtime = open_runtime(source, CeleryDoorbell(database, app))
    return runtime
