"""Upkeep: deletes old records, so that an installation runs for years on the same disk.

Every step works in short transactions and rests between them, so that no sweep, scan or settling
waits for long.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Final

from sqlalchemy import Connection

from easyai.db import (
    alert_counts,
    alert_reviews,
    camera_hours,
    clock,
    history,
    incidents,
    mutes,
    statistics,
    totals,
)
from easyai.db.history import ALARMS, CHUNK, EVENTS, Log
from easyai.domain.record_age import forget_before
from easyai.pipeline.alert_count_check import check_daily
from easyai.pipeline.alert_removal import trim_alerts
from easyai.pipeline.background_pace import bursts
from easyai.pipeline.frame_history import FrameHistory
from easyai.pipeline.sqlite_file import SqliteFile
from easyai.pipeline.type_upkeep import keep_types
from easyai.runtime import Runtime

log = logging.getLogger(__name__)

BUDGET_SEC: Final = 20.0  # of a run; the next run does the rest
EVENT_DAYS: Final = 30
ALARM_DAYS: Final = 90  # since they were over
MOST_LOG_ROWS: Final = 100_000  # of events, and of alarms
_HOURS_SEC: Final = 1.0  # for hours of cameras
_DAY_SEC: Final = 86_400.0


@dataclass(slots=True)
class UpkeepReport:
    """The result of a run."""

    frames: int = 0  # settled long ago, forgotten; their alerts stay
    events: int = 0
    alarms: int = 0
    statistics: int = 0  # ten-second sums
    totals: int = 0  # of endpoints unused for long, and of types that nothing names any more
    processes: int = 0  # silent for a day
    dashboard: int = 0  # what the dashboard kept, and shows no more
    task_types: int = 0  # named by nothing for a day
    freed_bytes: int = 0  # given back to the disk by SQLite
    alerts: int = 0  # beyond max_alerts_in_db, deleted with their pictures


def run(
    runtime: Runtime, wall: Callable[[], float] | None = None, budget_sec: float = BUDGET_SEC
) -> UpkeepReport:
    """Do the upkeep until the time budget is used up; the next run continues.

    `wall` returns Unix seconds and replaces the database's clock. Raises DatabaseUnavailableError.
    Raises StoreUnavailableError after all steps that need no store.
    """
    limit = time.monotonic() + budget_sec
    now = wall() if wall else _now(runtime)
    half = limit - budget_sec / 2  # a long history to forget leaves time for alerts
    report = UpkeepReport()
    report.events = _forget_log(runtime, EVENTS, now, EVENT_DAYS, half)
    report.alarms = _forget_log(runtime, ALARMS, now, ALARM_DAYS, half)
    with runtime.db.write() as conn:
        report.statistics = statistics.trim(conn, now)
        report.totals = totals.trim(conn, now)
        report.processes = history.forget_processes(conn, now, _DAY_SEC)
        report.dashboard = _trim_dashboard(conn, now)
    report.dashboard += _forget_hours(runtime, now)
    with runtime.db.write() as conn:
        alert_counts.merge(conn)
    check_daily(runtime, now)
    report.task_types = keep_types(runtime)
    report.frames = runtime.part(FrameHistory).forget(now, half)
    report.freed_bytes = runtime.part(SqliteFile).look_after(half)
    try:
        _look_after_pictures(runtime, limit, report)
    finally:
        _log_report(report)
    return report


def _trim_dashboard(conn: Connection, now: float) -> int:
    deleted = alert_reviews.trim(conn, CHUNK) + incidents.trim(conn)
    return deleted + mutes.trim(conn, now - ALARM_DAYS * _DAY_SEC)


def _forget_hours(runtime: Runtime, now: float) -> int:
    """Delete old hours of cameras; frames with invented names of cameras make many of them."""
    forgotten = 0
    # Time of their own, because the logs may have used up the run's.
    for _ in bursts(time.monotonic() + _HOURS_SEC):
        with runtime.db.write() as conn:
            count = camera_hours.trim(conn, now, CHUNK)
        forgotten += count
        if count < CHUNK:
            break
    return forgotten


def _now(runtime: Runtime) -> float:
    with runtime.db.read() as conn:
        return clock.now(conn)


def _look_after_pictures(runtime: Runtime, limit: float, report: UpkeepReport) -> None:
    runtime.store.check()  # a store in trouble keeps its pictures, so keep their alerts
    report.alerts = trim_alerts(runtime, limit)


def _forget_log(runtime: Runtime, kept: Log, now: float, days: float, limit: float) -> int:
    with runtime.db.read() as conn:
        newest, oldest_at = kept.newest(conn), kept.oldest_at(conn)
    before = forget_before(now, days * _DAY_SEC, oldest_at)
    forgotten = 0
    for _ in bursts(limit):
        with runtime.db.write() as conn:
            count = kept.forget(conn, newest, MOST_LOG_ROWS, before)
        forgotten += count
        if count < CHUNK:
            break
    return forgotten


def _log_report(report: UpkeepReport) -> None:
    done = {name: count for name, count in asdict(report).items() if count}
    if report.alerts:
        log.info("oldest alerts deleted, max_alerts_in_db is reached: count=%d", report.alerts)
    if done:
        log.debug("upkeep: %s", done)
