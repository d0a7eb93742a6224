"""Compares the kept counts of alerts with the alerts; counts anew when they differ."""

from __future__ import annotations

import logging
from typing import Final

from easyai.db import alert_recount, alerts, leases
from easyai.runtime import Runtime

log = logging.getLogger(__name__)

#: The name under which the last comparison is noted.
CHECKED: Final = "alert_counts"
_EVERY_SEC: Final = 86_400.0


def check_daily(runtime: Runtime, now: float) -> None:
    """Compare every count, unless a process did within the last day."""
    with runtime.db.read() as conn:
        noted = leases.all_leases(conn).get(CHECKED)
    if noted is not None and 0 <= now - noted.done_at < _EVERY_SEC:
        return
    with runtime.db.read() as conn:
        wrong = alert_recount.are_wrong(conn)
    if wrong:
        _rebuild(runtime)
    with runtime.db.write() as conn:
        leases.note(conn, CHECKED, now)


def counts_beyond(runtime: Runtime, most: int) -> tuple[int, int]:
    """Count the alerts of cameras, and of the system.

    Kept counts beyond `most` are not believed, because alerts are deleted by them: the alerts are
    counted one by one.
    """
    with runtime.db.read() as conn:
        of_cameras, of_system = alerts.counts(conn)
    if of_cameras <= most:
        return of_cameras, of_system
    with runtime.db.read() as conn:
        totals = alert_recount.totals(conn)
    if totals.kept != totals.alerts:
        _rebuild(runtime)
    return totals.alerts - of_system, of_system


def _rebuild(runtime: Runtime) -> None:
    with runtime.db.write() as conn:
        before = alert_recount.rebuild(conn)
    log.warning(
        "kept counts of alerts differed from the alerts and were counted anew: kept=%d alerts=%d",
        *before,
    )
