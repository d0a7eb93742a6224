"""The sweep: it examines services, expires leases and carries pictures left behind."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection

from easyai.db import clock, events, generations, ledger, row_repairs, task_types
from easyai.db.events import Event
from easyai.domain.reason import Reason
from easyai.errors import DatabaseUnavailableError
from easyai.messages.catalogue import text
from easyai.pipeline.background_pace import bursts
from easyai.pipeline.flow_record import record_flow
from easyai.pipeline.picture_moves import carry_left_behind
from easyai.pipeline.reclaim import reclaim
from easyai.registry.vitals import examine
from easyai.registry.watch import Watch, record_check
from easyai.runtime import Runtime

log = logging.getLogger(__name__)

_BUDGET_SEC: Final = 2.0


@dataclass(slots=True)
class SweepReport:
    """The counts of a sweep."""

    lapsed: int = 0  # online → suspect
    offline: int = 0  # suspect → offline
    revived: int = 0  # → online
    expired_leases: int = 0
    pictures: int = 0  # moved or deleted for a process that died
    woken: set[str] = field(default_factory=set)  # types to ring for


def sweep(runtime: Runtime) -> SweepReport:
    """Sweep services, leases and pictures once. Raises DatabaseUnavailableError."""
    report = SweepReport()
    watch = _follow_clock(runtime)
    _give_streams(runtime)
    report.expired_leases += sum(reclaim(runtime).values())
    _expire_leases(runtime, watch, report)
    findings = examine(runtime, watch)
    report.lapsed, report.offline, report.revived = (
        findings.lapsed,
        findings.offline,
        findings.revived,
    )
    report.woken.update(findings.woken)
    _record_flow(runtime)
    # Last: a store that hangs must hold up neither leases nor probes.
    report.pictures = carry_left_behind(runtime)
    return report


def _record_flow(runtime: Runtime) -> None:
    try:
        record_flow(runtime)
    except DatabaseUnavailableError:
        raise
    except Exception:
        # The dashboard's curves must not hold up the rest of a sweep.
        log.exception("curves of the dashboard not recorded")


def _follow_clock(runtime: Runtime) -> Watch:
    lease_sec = runtime.settings.ai_analysis.lease_sec
    with runtime.db.dispatching() as conn:
        now = clock.now(conn)
        moved = row_repairs.follow_clock(conn, now, lease_sec)
        frames = row_repairs.pull_back(conn, now)
        watch = record_check(conn, runtime, now)
        if watch.jump_sec:
            events.add(conn, [Event(now, "clock_jump", socket.gethostname(), watch.why())])
        if moved:
            generations.bump_registry(conn)  # the moved times may be times of breakers
    if frames == row_repairs.AT_ONCE:
        frames += _by_and_by(runtime, lambda conn: row_repairs.pull_back(conn, clock.now(conn)))
    moved += frames
    if moved:
        log.warning("clock was set back: count=%d times in the future were corrected", moved)
    if why := watch.why():
        log.warning("%s: the silence of services until now is no evidence against them", text(why))
    return watch


def _give_streams(runtime: Runtime) -> None:
    """Put frames in camera order that were recorded before their type got its affinity."""
    analysis = runtime.settings.ai_analysis
    with runtime.db.read() as conn:
        types = [name for name in task_types.names(conn) if analysis.affinity(name)]
        if not row_repairs.any_without_stream(conn, types):
            return
    count = _by_and_by(runtime, lambda conn: row_repairs.give_streams(conn, types))
    log.info("frames put in order of their cameras: task_types=%s count=%d", types, count)


def _by_and_by(runtime: Runtime, change: Callable[[Connection], int]) -> int:
    """Change frames in short transactions for about two seconds; returns how many.

    There may be a million frames, and each transaction holds up other writers. The next sweep
    continues.
    """
    changed = 0
    for _ in bursts(time.monotonic() + _BUDGET_SEC):
        with runtime.db.dispatching() as conn:
            count = change(conn)
        changed += count
        if count < row_repairs.AT_ONCE:
            break
    return changed


def _expire_leases(runtime: Runtime, watch: Watch, report: SweepReport) -> None:
    with runtime.db.write() as conn:
        now = clock.now(conn)
        if watch.jump_sec > 0:
            # The clock jumped, the leases are not old: living workers renew before the next sweep.
            ledger.spare(conn, now, now + runtime.settings.ai_analysis.lease_sec)
        returned = ledger.expire(conn, now)
        events.add(conn, [_expired(name, count, now) for name, count in returned.items()])
    for task_type, count in returned.items():
        log.warning("leases expired, frames wait again: task_type=%s frames=%d", task_type, count)
        report.expired_leases += count
        report.woken.add(task_type)


def _expired(task_type: str, count: int, now: float) -> Event:
    return Event(now, "leases_expired", task_type, Reason.of("frames.leases_expired", n=count))
