"""The clock: sends the periodic tasks while it leads; any number of beats may run."""

# kombu ships type information, but few of its functions are typed.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import logging
import signal
import time
from copy import copy
from functools import cached_property
from typing import Any

from celery import beat, signals
from celery.schedules import schedule as interval_schedule

from easyai.broker.connection import other_hosts, publishing_connection
from easyai.db import clock, leases
from easyai.db.session import Database
from easyai.process.presence import Presence
from easyai.process.supervisor_link import Loop, Notifier
from easyai.settings.source import SettingsSource
from easyai.system.identity import holder
from easyai.tasks.config import PUBLISH_TASK, SCAN_TASK
from easyai.tasks.expiry import dated
from easyai.tasks.outage import OutageLog

log = logging.getLogger(__name__)

LEASE = "beat"
LEASE_SEC = 5.0
# At the next tick after this time, a second later at most: a lease outlives a missed renewal.
_RENEW_AFTER_SEC = 1.5
_LONGEST_PAUSE_SEC = 1.0  # so that signs of life and the lease come in time
# While another beat leads, or the database or broker does not answer.
_STANDBY_SEC = 1.0


class LeaderScheduler(beat.Scheduler):  # type: ignore[misc]
    """Sends due tasks if this beat holds the lease ``beat`` in the database.

    Nothing is kept on disk. Intervals are counted on the monotonic clock, so that a change of the
    wall clock neither stops the tasks nor sends many at once. Crontab entries of an operator follow
    the wall clock as usual. The intervals of scan and publishing follow changes of the settings.
    """

    def __init__(self, app: Any, *args: Any, lazy: bool = False, **kwargs: Any) -> None:
        self._source = SettingsSource()
        url = self._source.current().easyai.effective_database_url
        self._db = Database(url, must_exist=True)
        self._holder = holder()
        self._due: dict[str, float] = {}
        self._renew_at = 0.0
        self._led: bool | None = None
        self._database_outage = OutageLog(log, "beat: database does not answer, nothing is sent")
        self._broker_outage = OutageLog(log, "beat: broker does not answer, nothing is sent")
        self._notifier = Notifier()
        self._loop = Loop()
        self._presence: Presence | None = None
        super().__init__(app, *args, lazy=lazy, **kwargs)

    def tick(self, *_: Any, **__: Any) -> float:
        """Send the due tasks; returns seconds until the next call. Never raises: that ends beat."""
        self._show_life()
        if not self._leads():
            self._due.clear()
            return _STANDBY_SEC
        self._show_life()
        try:
            self._send_due()
        except Exception as error:  # noqa: BLE001 - each broker has errors of its own
            self._broker_outage.failed(error)
            # Another beat may reach the broker.
            self._renew_at = 0.0
            self._show_life()
            self._hand_back()
            return _STANDBY_SEC
        self._broker_outage.worked()
        now = time.monotonic()
        pauses = [due - now for due in self._due.values()]
        return max(0.001, min([_LONGEST_PAUSE_SEC, *pauses]))

    def appear(self) -> None:
        """Appear in the list of processes, until `close`."""
        self._presence = Presence("beat", lambda: self._db, self._loop.is_running)
        self._presence.start()

    def _show_life(self) -> None:
        # Called after each step that can wait: no single step takes as long as the supervisor's
        # limit, but all steps together may.
        self._loop.record_iteration()
        self._notifier.alive()

    def _leads(self) -> bool:
        now = time.monotonic()
        if now < self._renew_at:
            return True
        try:
            with self._db.write(lasting=False) as conn:
                leads = leases.acquire(conn, LEASE, self._holder, LEASE_SEC, clock.now(conn))
        except Exception as error:  # noqa: BLE001 - no error here may end beat
            self._database_outage.failed(error)
            leads = False
        else:
            self._database_outage.worked()
        self._renew_at = now + _RENEW_AFTER_SEC if leads else 0.0
        if leads != self._led:
            log.info("beat %s %s", self._holder, "leads" if leads else "stands by")
        self._led = leads
        return leads

    def _send_due(self) -> None:
        for entry in list(self.schedule.values()):
            if not self._is_due(entry):
                continue
            # Only crontab entries need to know when they ran last.
            counted = entry if self._interval_sec(entry) is not None else self.reserve(entry)
            sent = self._dated(counted)
            self.apply_async(sent, producer=self.producer, advance=False)

    def _dated(self, entry: beat.ScheduleEntry) -> beat.ScheduleEntry:
        """The entry with this machine's clock offset beside its `expires`."""
        sent = copy(entry)
        headers = dated(entry.options.get("headers"), clock.known_offset_sec(self._db.engine))
        sent.options = entry.options | {"headers": headers}
        return sent

    def _is_due(self, entry: beat.ScheduleEntry) -> bool:
        now = time.monotonic()
        if now < self._due.get(entry.name, 0.0):
            return False
        if entry.name == PUBLISH_TASK and not self._source.current().ai_analysis.has_bus:
            self._due.pop(entry.name, None)
            return False
        interval = self._interval_sec(entry)
        if interval is None:
            due, pause = entry.is_due()
            self._due[entry.name] = now + pause
            return bool(due)
        # Count from the due time, not from now, so that ticks keep their rhythm. Beat does not
        # send missed ticks later.
        self._due[entry.name] = max(self._due.get(entry.name, now) + interval, now)
        return True

    def _interval_sec(self, entry: beat.ScheduleEntry) -> float | None:
        if entry.name == SCAN_TASK:
            return self._source.current().ai_analysis.scan_interval_sec
        if entry.name == PUBLISH_TASK:
            return self._source.current().ai_analysis.alert_batch_interval_sec
        if type(entry.schedule) is interval_schedule:
            return float(entry.schedule.run_every.total_seconds())
        return None

    @cached_property
    def connection(self) -> Any:
        """The connection that sends; made on first use."""
        return publishing_connection(self.app)

    def _ensure_connected(self) -> Any:
        # kombu would try for ever: a beat that cannot send must not keep the lease.
        return self.connection.ensure_connection(max_retries=max(1, other_hosts(self.app)))

    def _hand_back(self) -> None:
        try:
            with self._db.write() as conn:
                leases.release(conn, LEASE, self._holder)
        except Exception as error:  # noqa: BLE001 - the lease lapses by itself
            log.debug("beat: lease not handed back, it lapses in %g s: %s", LEASE_SEC, error)

    def close(self) -> None:
        """Release the lease, so that another beat leads at once."""
        self._notifier.stopping()
        super().close()
        self._hand_back()
        if self._presence is not None:
            self._presence.close()
        self._db.dispose()


def _stop(*_: Any) -> None:
    # A second signal must not interrupt the shutdown that the first signal began.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise SystemExit


@signals.beat_init.connect  # type: ignore[untyped-decorator]
def _appear(sender: Any, **_: Any) -> None:
    if isinstance(sender.scheduler, LeaderScheduler):
        sender.scheduler.appear()


@signals.beat_init.connect  # type: ignore[untyped-decorator]
def _stop_outside_transactions(**_: Any) -> None:
    """Exit on SIGTERM and SIGINT, and close the scheduler on the way out.

    Celery's own handler closes the scheduler inside the signal handler. When the signal interrupts
    a transaction of ours, the handler would wait for ever for the lock that the interrupted code
    holds.
    """
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
