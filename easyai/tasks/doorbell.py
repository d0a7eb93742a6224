"""Wakes workers for task types with messages that carry nothing but the type."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from easyai.db import clock, wakes
from easyai.db.session import Database
from easyai.settings.source import SettingsSource
from easyai.tasks.outage import OutageLog
from easyai.tasks.wake_publisher import Publisher

if TYPE_CHECKING:
    from celery import Celery

    from easyai.runtime import Runtime

log = logging.getLogger(__name__)

# A wake without an answer for this long may be lost, and the next wake is sent.
QUIET_SEC: Final = 3.0
_SHOWN: Final = 5  # types named in a log line
_CLOSE_SEC: Final = 2.0


class CeleryDoorbell:
    """Rings through the broker; safe between threads, a single doorbell per process.

    Its own thread does all the work, so a broker or database that hangs never holds up a request or
    a scan. Ring after the commit of the rows that the worker is to find.
    """

    def __init__(self, database: Callable[[], Database], app: Celery) -> None:
        """`database` returns the database of this process; `app` sends."""
        self._database = database
        self._publisher = Publisher(app, lambda: clock.known_offset_sec(database().engine))
        self._outage = OutageLog(log, "broker does not answer, frames wait for the next scan")
        self._changed = threading.Condition()
        self._waiting: dict[str, None] = {}  # types to send a message for, an ordered set
        self._idle = True
        self._closed = False
        self._thread: threading.Thread | None = None

    def ring_all(self, task_types: Iterable[str]) -> None:
        """Wake a worker for each type soon; returns at once and never raises.

        A type whose earlier wake is still unanswered gets no message. The doorbell gives up a ring
        that it cannot send: the next scan rings again.
        """
        rung = dict.fromkeys(task_types)
        if not rung:
            return
        with self._changed:
            self._waiting.update(rung)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="doorbell", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def close(self) -> None:
        """Send the waiting rings, for two seconds at most, and ring no more."""
        self.flush(_CLOSE_SEC)
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def flush(self, timeout_sec: float) -> bool:
        """Wait until every ring was sent or given up; false after `timeout_sec`."""
        with self._changed:
            return self._changed.wait_for(lambda: self._idle and not self._waiting, timeout_sec)

    def _run(self) -> None:
        while task_types := self._next():
            self._send(self._claim(task_types))
        self._publisher.close()

    def _next(self) -> list[str]:
        """The types rung since the last call; an empty list once the doorbell is closed."""
        with self._changed:
            self._idle = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._closed or bool(self._waiting))
            self._idle = False
            task_types = [] if self._closed else sorted(self._waiting)
            self._waiting.clear()
            return task_types

    def _claim(self, task_types: list[str]) -> list[str]:
        """Claim the types whose earlier wake is answered, in a single transaction."""
        try:
            with self._database().write(lasting=False) as conn:
                return wakes.claim(conn, task_types, clock.now(conn), QUIET_SEC)
        except Exception as error:  # noqa: BLE001 - the caller has done its own work
            shown = ", ".join(task_types[:_SHOWN]) + ("…" if len(task_types) > _SHOWN else "")
            log.warning("no ring for %s, the next scan rings again: %s", shown, error)
            return []

    def _send(self, task_types: list[str]) -> None:
        for number, task_type in enumerate(task_types):
            try:
                self._publisher.publish(task_type)
            except Exception as error:  # noqa: BLE001 - each broker has errors of its own
                self._outage.failed(error)
                # Give up all types: each of them would wait for the same silent broker.
                self._give_up(task_types[number:])
                return
            self._outage.worked()

    def _give_up(self, task_types: list[str]) -> None:
        try:
            with self._database().write(lasting=False) as conn:
                wakes.answer(conn, task_types)
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
