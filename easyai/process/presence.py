"""The row of a process in `processes`, which shows that it works, from its start to its end."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Final

from sqlalchemy import Connection

from easyai.db import clock, events, processes
from easyai.db.session import Database
from easyai.domain.reason import NO_REASON, Reason
from easyai.process import self_end
from easyai.process.supervisor_link import ends_when_hung, restart_reason
from easyai.system.identity import home, start_ticks

log = logging.getLogger(__name__)

EVERY_SEC: Final = 5.0
#: A process with an older row has hung or was killed: it missed three updates.
SILENT_AFTER_SEC: Final = 20.0
_STARTED: Final = Reason("process.started")
_AGAIN: Final = "process.started_again"
_ENDED: Final = Reason("process.ended_in_order")


class Presence:
    """Writes the row from its own thread, while the process works.

    A database outage does not disturb the process: the next row is written when the database is
    back.
    """

    def __init__(
        self,
        kind: str,
        database: Callable[[], Database],
        works: Callable[[], bool] = lambda: True,
        end_heals: Callable[[], bool] = lambda: True,
    ) -> None:
        """`kind` is worker, beat, api or watchdog; `works` returns whether its loops run.

        When the process hangs, `end_heals` returns whether a restart would help.
        """
        self._kind = kind
        self._host = socket.gethostname()
        self._home = home()
        self._pid = os.getpid()
        self._start_ticks = start_ticks(self._pid)
        self._open = database
        self._works = works
        self._end_heals = end_heals
        self._db: Database | None = None
        self._began = time.monotonic()
        self._started_at: float | None = None  # by the database's clock, when it answers
        self._announced = False
        self._failing = False
        self._asked = NO_REASON  # why this process should end
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="presence", daemon=True)

    def start(self) -> None:
        """Start writing; records the start as an event, at the latest when the database is back."""
        self._thread.start()

    def close(self, timeout_sec: float = 2.0) -> None:
        """Remove the row: this process ends in order. After `timeout_sec`, the row just ages."""
        self._end.set()
        self._thread.join(timeout_sec)

    def _run(self) -> None:
        hung = 0
        while True:
            hung = 0 if self._works() else hung + 1
            if not hung:
                self._attempt(self._show)
            elif hung >= self_end.CHECKS and ends_when_hung() and self._end_heals():
                self._attempt(self._note_hang)
                self_end.end(self._kind, self_end.HUNG)
            if self._asked:
                self_end.end(self._kind, self._asked)
            if self._end.wait(EVERY_SEC):
                break
        if self._announced:
            self._attempt(self._leave)

    def _attempt(self, write: Callable[[Database], None]) -> None:
        try:
            if self._db is None:
                self._db = self._open()
            write(self._db)
        except Exception as error:  # noqa: BLE001 - no error here may end the process's work
            if not self._failing:
                log.warning("%s: not shown among the processes for now: %s", self._kind, error)
            self._failing = True
        else:
            self._failing = False

    def _show(self, db: Database) -> None:
        # Only the event of the start must outlive a power cut.
        with db.write(lasting=not self._announced) as conn:
            now = clock.now(conn)
            if self._started_at is None:
                self._started_at = now - (time.monotonic() - self._began)
            processes.beat(
                conn,
                self._kind,
                self._host,
                self._pid,
                now,
                self._started_at,
                self._home,
                start_ticks=self._start_ticks,
                clock_offset_sec=clock.offset_sec(conn),
            )
            if not self._announced:
                events.add(conn, [self._start_event(conn, self._started_at)])
            if ends_when_hung():
                self._asked = self_end.end_requested(conn, self._name, self._started_at, now)
        self._announced = True

    def _note_hang(self, db: Database) -> None:
        with db.write() as conn:
            now = clock.now(conn)
            events.add(conn, [self_end.request(now, self._name, self_end.HUNG)])

    def _start_event(self, conn: Connection, started_at: float) -> events.Event:
        reason = restart_reason()
        if not reason and ends_when_hung():
            reason = self_end.reason_of_end(conn, self._name, started_at)
        kind = "process_restarted" if reason else "process_started"
        started = Reason.of(_AGAIN, why=reason) if reason else _STARTED
        return events.Event(started_at, kind, self._name, started)

    def _leave(self, db: Database) -> None:
        with db.write() as conn:
            now = clock.now(conn)
            processes.remove(conn, self._kind, self._host, self._pid)
            events.add(conn, [events.Event(now, "process_stopped", self._name, _ENDED)])

    @property
    def _name(self) -> str:
        return processes.name_of(self._kind, self._host, self._pid)


def reason_of_start(started: Reason) -> Reason:
    """Why a supervisor had to restart a process, by its event; NO_REASON for a first start."""
    return started.inner("why") if started.code == _AGAIN else NO_REASON
