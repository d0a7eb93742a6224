"""Wakes workers for task types, each by a message that carries nothing but the type."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

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
QUIET_SEC: Final = 3.0
_SHOWN: Final = 5  # types named in a log line
_CLOSE_SEC: Final = 2.0


class CeleryDoorbell:
    """Rings through the broker; safe between threads, one per process.

    A thread of its own does all of it: neither a broker nor a database that hangs holds up a
    request or a scan. Call after the commit of what the worker shall find.
    """

    def __init__(self, database: Callable[[], Database], app: Celery) -> None:
        """`database` gives the one of this process; `app` sends."""
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

        Nothing is sent for a type whose earlier wake is still unanswered. A ring that cannot be
        sent is given up: the next scan rings again.
        """
        with self._changed:
            self._waiting.update(dict.fromkeys(task_types))
            if self._thread is None and self._waiting:
                self._thread = threading.Thread(target=self._run, name="doorbell", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def close(self) -> None:
        """Send what waits, for two seconds at most, and ring no more."""
        self.flush(_CLOSE_SEC)
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def flush(self, timeout_sec: float) -> bool:
        """Wait until every ring was sent or given up; false when time was up first."""
        with self._changed:
            return self._changed.wait_for(lambda: self._idle and not self._waiting, timeout_sec)

    def _run(self) -> None:
        while task_types := self._next():
            self._send(self._claim(task_types))
        self._publisher.close()

    def _next(self) -> list[str]:
        """The types rung since the last time; none once it is closed."""
        with self._changed:
            self._idle = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._closed or bool(self._waiting))
            self._idle = False
            task_types = [] if self._closed else sorted(self._waiting)
            self._waiting.clear()
            return task_types

    def _claim(self, task_types: list[str]) -> list[str]:
        """Those whose earlier wake is answered, claimed in one transaction."""
        try:
            with self._database().write() as conn:
                return rings.claim(conn, task_types, clock.now(conn), QUIET_SEC)
        except Exception as error:  # noqa: BLE001 - who rang has done its own work
            shown = ", ".join(task_types[:_SHOWN]) + ("…" if len(task_types) > _SHOWN else "")
            log.warning("no ring for %s, the next scan rings again: %s", shown, error)
            return []

    def _send(self, task_types: list[str]) -> None:
        for number, task_type in enumerate(task_types):
            try:
                self._publisher.publish(task_type)
            except Exception as error:  # noqa: BLE001 - each broker has errors of its own
                self._outage.failed(error)
                # All of them: one after the other they would wait for the same silence.
                self._give_up(task_types[number:])
                return
            self._outage.worked()

    def _give_up(self, task_types: list[str]) -> None:
        try:
            with self._database().write() as conn:
                rings.answer(conn, task_types)
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
