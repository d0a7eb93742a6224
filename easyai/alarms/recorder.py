"""The watchdog's access to the database: which watchdog notifies, what rings, and the notices.

It runs in a separate thread, so that a hanging database delays neither the log nor the people.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import Connection

from easyai.alarms.alarm_report import written
from easyai.alarms.grouping import Message
from easyai.alarms.timings import Timings
from easyai.db import (
    alarms,
    alerts,
    clock,
    diagnosis_facts,
    events,
    incidents,
    leases,
    mutes,
)
from easyai.domain import alarm_as_alert
from easyai.domain.alarm import Change, Notice
from easyai.domain.mute import Mute
from easyai.errors import EasyaiError
from easyai.health.facts import Facts
from easyai.messages.catalogue import text
from easyai.messages.terms import alarm_over
from easyai.runtime import Runtime
from easyai.system.identity import holder

log = logging.getLogger(__name__)

LEASE: Final = "watchdog"
#: Notices that are not written yet. An outage has fewer: alarms repeat once an hour.
_MOST_WAITING: Final = 1000
_MOST_REPORTS: Final = 20  # that are not written yet; an observation takes memory


@dataclass(frozen=True, slots=True)
class Standing:
    """The last answer of the database about this watchdog."""

    leads: bool | None  # None: no answer, so each watchdog notifies
    ringing: Sequence[Any] = ()  # the alarms in the database
    number: int = 0  # the number of the answer
    left_at: float = 0.0  # the last sign of the previous watchdog; 0: it ended in order
    mutes: Sequence[Mute] = ()  # that are in force


@dataclass(frozen=True, slots=True)
class Entry:
    """Something to write: what changed on the board, and the messages about it."""

    notices: tuple[Notice, ...] = ()
    messages: tuple[Message, ...] = ()
    events: tuple[events.Event, ...] = ()
    facts: Facts | None = None  # of which the report of an alarm that begins is made

    @property
    def begun(self) -> tuple[Notice, ...]:
        """The alarms that begin."""
        return tuple(notice for notice in self.notices if notice.change == Change.RAISED)


class Recorder:
    """Writes entries in order; retries until the database accepts them."""

    def __init__(self, runtime: Runtime, timings: Timings) -> None:
        self._runtime = runtime
        self._timings = timings
        self._holder = holder()
        self._waiting: deque[Entry] = deque()
        self._reports: deque[tuple[tuple[Notice, ...], Facts]] = deque(maxlen=_MOST_REPORTS)
        self._changed = threading.Condition()
        self._ending = False
        self._standing = Standing(None)
        self._asked_at = time.monotonic()
        self._answers = 0
        self._left_at = 0.0
        self._failing = False
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)

    def start(self) -> None:
        """Begin to hold the lease."""
        self._thread.start()

    @property
    def standing(self) -> Standing:
        """Whether this watchdog notifies people. An answer that is too old counts as none."""
        if time.monotonic() - self._asked_at > self._timings.lease_sec:
            return replace(self._standing, leads=None, left_at=0.0)
        return self._standing

    def write(self, entry: Entry) -> None:
        """Write soon; never waits."""
        with self._changed:
            self._waiting.append(entry if entry.begun else replace(entry, facts=None))
            if len(self._waiting) > _MOST_WAITING:
                self._waiting.popleft()
                log.error(
                    "watchdog: the database was away too long, an alarm was not written to it"
                )
            self._changed.notify()

    def close(self, timeout_sec: float = 2.0) -> None:
        """Write the waiting entries and release the lease, within the time."""
        with self._changed:
            self._ending = True
            self._changed.notify()
        self._thread.join(timeout_sec)

    def _run(self) -> None:
        while not self._ending:
            self._attempt()
            with self._changed:
                # While the database is away, do not make an attempt for every change.
                self._changed.wait_for(
                    lambda: self._ending or (bool(self._waiting) and not self._failing),
                    self._timings.record_every_sec,
                )
        self._attempt(last=True)

    def _attempt(self, last: bool = False) -> None:
        try:
            self._write_waiting()
            self._hold_lease(last)
        except Exception as error:  # noqa: BLE001 - after any error the next attempt may succeed
            if not self._failing:
                log.warning("watchdog: nothing is written to the database for now: %s", error)
            self._failing = True
            self._standing = replace(self._standing, leads=None, left_at=0.0)
        else:
            if self._failing:
                log.info("watchdog: the database accepts writes again")
            self._failing = False
        self._asked_at = time.monotonic()
        if not self._failing:
            # A report takes a while: the lease is renewed before each report.
            for _ in range(len(self._reports) if last else 1):
                self._keep_report()

    def _hold_lease(self, last: bool) -> None:
        with self._runtime.db.write() as conn:
            now, lease_sec = clock.now(conn), self._timings.lease_sec
            if last:
                leases.release(conn, LEASE, self._holder)
                return
            left_at = self._left_at if self._answers else _left_at(conn, lease_sec)
            leads = leases.acquire(conn, LEASE, self._holder, lease_sec, now)
            ringing, muted = alarms.ringing(conn), mutes.active(conn, now)
        self._answers += 1
        self._left_at = left_at
        self._standing = Standing(leads, ringing, self._answers, left_at, muted)

    def _write_waiting(self) -> None:
        while self._waiting:
            entry = self._waiting[0]
            try:
                with self._runtime.db.write() as conn:
                    _write(conn, entry, self._runtime.settings.ai_analysis.has_bus)
            except EasyaiError:
                raise
            except Exception:
                # An entry that the database never accepts must not block the entries behind it.
                log.exception(
                    "watchdog: an alarm cannot be written; people are notified nevertheless"
                )
            self._waiting.popleft()
            if entry.begun and entry.facts is not None:
                self._reports.append((entry.begun, entry.facts))

    def _keep_report(self) -> None:
        """Keep the next report of alarms that begin, if a report waits."""
        if not self._reports:
            return
        begun, facts = self._reports.popleft()
        try:
            report = written(self._runtime, facts)
            with self._runtime.db.write() as conn:
                for notice in begun:
                    incidents.keep_report(conn, notice.kind, notice.subject, report)
        except Exception:
            log.exception("watchdog: the report of an alarm is not kept")


def _left_at(conn: Connection, lease_sec: float) -> float:
    """When a watchdog last held the lease; 0 if a process of ours has stopped in order since."""
    row = leases.all_leases(conn).get(LEASE)
    if row is None or not row.expires_at:
        return 0.0
    left_at = float(row.expires_at) - lease_sec
    # Processes that stop in order together with the watchdog take a while.
    return 0.0 if diagnosis_facts.stopped(conn, left_at - lease_sec) else left_at


def _write(conn: Connection, entry: Entry, for_bus: bool) -> None:
    for notice in entry.notices:
        if notice.change == Change.OVER:
            alarms.record_end(conn, notice.kind, notice.subject, notice.began_at, notice.ended_at)
        else:
            notified_at = notice.at if notice.notified else 0.0
            moments = (notice.began_at, notice.raised_at, notified_at)
            key = (notice.kind, notice.subject)
            alarms.record_notification(conn, *key, notice.cause, *moments, notice.reason)
    alerts.add(conn, [_alert(message) for message in entry.messages], for_bus=for_bus)
    changes = [
        _event(notice) for notice in entry.notices if notice.change in (Change.RAISED, Change.OVER)
    ]
    events.add(conn, [*entry.events, *changes])


def _event(notice: Notice) -> events.Event:
    subject = f"{notice.kind} {notice.subject}".strip()
    if notice.change == Change.OVER:
        over = alarm_over(subject, notice.cause, notice.lasted_sec)
        return events.Event(notice.at, "alarm_over", subject, over)
    return events.Event(notice.at, "alarm_raised", subject, notice.reason)


def _alert(message: Message) -> dict[str, object]:
    """A system alert (contract, section 5)."""
    result = alarm_as_alert.system_result(
        text(message.reason),
        text(message.reason, "zh"),
        message.reason,
        message.cause,
        kind=message.kind,
        change=message.change,
        subjects=message.subjects,
    )
    row = {"task_type": message.task_type, "result": result, "now": message.at}
    return {**alarm_as_alert.COMMON, **row}
