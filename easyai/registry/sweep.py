"""The sweep: heartbeats that lapsed, probes, leases that expired, pictures left behind.

online → suspect when neither heartbeat nor inference was seen for heartbeat_timeout_sec; suspect →
offline when two probes in a row fail; any evidence of life → online at once. A missing heartbeat
alone never takes a service out.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from easyai.db import ledger, services, statistics, task_types, upkeep
from easyai.db.services import ServiceRow
from easyai.domain.service import ServiceState, probe_url
from easyai.pipeline.alert_removal import trim_alerts
from easyai.pipeline.pictures import carry_left_behind
from easyai.registry import system_alerts
from easyai.registry.probe import probe_all
from easyai.runtime import Runtime

log = logging.getLogger(__name__)

_OFFLINE_AFTER = 2  # probes in a row
_FIRST_PROBE_PAUSE_SEC = 5.0
_LONGEST_PROBE_PAUSE_SEC = 60.0


@dataclass(slots=True)
class SweepReport:
    """What one sweep found."""

    lapsed: int = 0  # online → suspect
    offline: int = 0  # suspect → offline
    revived: int = 0  # → online
    expired_leases: int = 0
    pictures: int = 0  # moved or deleted for a process that died
    trimmed: int = 0  # alerts beyond max_alerts_in_db
    woken: set[str] = field(default_factory=set)  # types to ring for


def sweep(runtime: Runtime) -> SweepReport:
    """One round over services, leases and pictures; raises DatabaseUnavailableError."""
    report = SweepReport()
    _follow_clock(runtime)
    _give_streams(runtime)
    _expire_leases(runtime, report)
    _look_after_services(runtime, report)
    with runtime.db.write() as conn:
        statistics.trim(conn, time.time())
    system_alerts.check(runtime)
    # Last: a store that hangs must hold up neither leases nor probes.
    report.pictures = carry_left_behind(runtime)
    report.trimmed = trim_alerts(runtime)
    if report.trimmed:
        log.info("oldest alerts deleted, max_alerts_in_db is reached: count=%d", report.trimmed)
    return report


def _follow_clock(runtime: Runtime) -> None:
    now, lease_sec = time.time(), runtime.settings.ai_analysis.lease_sec
    with runtime.db.write() as conn:
        moved = upkeep.follow_clock(conn, now, lease_sec)
    if moved:
        log.warning("clock was set back: count=%d times far ahead were pulled back", moved)


def _give_streams(runtime: Runtime) -> None:
    """Frames recorded before their type got its affinity wait in order of their cameras, too."""
    analysis = runtime.settings.ai_analysis
    with runtime.db.read() as conn:
        types = [name for name in task_types.names(conn) if analysis.affinity(name)]
        if not upkeep.any_without_stream(conn, types):
            return
    with runtime.db.write() as conn:
        count = upkeep.give_streams(conn, types)
    log.info("frames put in order of their cameras: task_types=%s count=%d", types, count)


def _expire_leases(runtime: Runtime, report: SweepReport) -> None:
    with runtime.db.write() as conn:
        returned = ledger.expire(conn, time.time())
    for task_type, count in returned.items():
        log.warning("leases expired, frames wait again: task_type=%s frames=%d", task_type, count)
        report.expired_leases += count
        report.woken.add(task_type)


def _look_after_services(runtime: Runtime, report: SweepReport) -> None:
    timeout_sec = runtime.settings.ai_analysis.heartbeat_timeout_sec
    now = time.time()
    with runtime.db.read() as conn:
        rows = services.all_services(conn)
    lapsed = [row for row in rows if _has_lapsed(row, timeout_sec, now)]
    with runtime.db.write() as conn:
        services.demote(conn, [_suspect(row, now) for row in lapsed])
    for row in lapsed:
        log.warning(
            "heartbeat timeout: service_id=%s endpoint=%s silent_sec=%.0f; it is probed and stays "
            "in use until two probes fail",
            row.service_id,
            row.endpoint,
            now - row.last_evidence,
        )
    report.lapsed = len(lapsed)
    doubtful = lapsed + [row for row in rows if _is_due_for_probe(row, now)]
    answers = probe_all({row.pk: probe_url(row.endpoint, row.health_url) for row in doubtful})
    living = [row for row in doubtful if not answers[row.pk]]
    silent = [row for row in doubtful if answers[row.pk]]
    _revive(runtime, living, report)
    _doubt(runtime, silent, answers, report)


def _has_lapsed(row: ServiceRow, timeout_sec: float, now: float) -> bool:
    allowed_sec = row.heartbeat_timeout_sec or timeout_sec
    # The absolute age: after the clock was set back, evidence from the future is no evidence.
    return bool(row.state == ServiceState.ONLINE and abs(now - row.last_evidence) > allowed_sec)


def _is_due_for_probe(row: ServiceRow, now: float) -> bool:
    if row.state == ServiceState.SUSPECT:
        return True
    far_ahead = row.next_probe_at > now + _LONGEST_PROBE_PAUSE_SEC  # the clock was set back
    return bool(row.state == ServiceState.OFFLINE and (row.next_probe_at <= now or far_ahead))


def _suspect(row: ServiceRow, now: float) -> dict[str, Any]:
    reason = f"no heartbeat for {abs(now - row.last_evidence):.0f} s"
    return _demotion(row, ServiceState.SUSPECT, reason, now, now, failures=0, pause_sec=0.0)


def _revive(runtime: Runtime, living: Sequence[ServiceRow], report: SweepReport) -> None:
    pks = [row.pk for row in living]
    now = time.time()
    with runtime.db.write() as conn:
        services.lock(conn, pks)
        report.revived = services.alive(conn, pks, "a probe was answered", now)
        types = services.task_types_of(conn, pks)
        ledger.hurry(conn, types, now)
    report.woken.update(types)
    for row in living:
        if row.state == ServiceState.OFFLINE:
            log.info(
                "algorithm service back: service_id=%s endpoint=%s", row.service_id, row.endpoint
            )


def _doubt(
    runtime: Runtime,
    silent: Iterable[ServiceRow],
    answers: dict[int, str],
    report: SweepReport,
) -> None:
    demotions = []
    now = time.time()
    for row in silent:
        failures = row.probe_failures + 1
        if row.state == ServiceState.ONLINE:
            failures = 1  # lapsed in this very sweep
        offline = failures >= _OFFLINE_AFTER
        state = ServiceState.OFFLINE if offline else ServiceState.SUSPECT
        reason = f"probe failed: {answers[row.pk]}"
        doublings = min(max(0, failures - _OFFLINE_AFTER), 10)
        pause_sec = min(_FIRST_PROBE_PAUSE_SEC * 2**doublings, _LONGEST_PROBE_PAUSE_SEC)
        since = row.state_since if row.state == state else now
        demotions.append(_demotion(row, state, reason, now, since, failures, pause_sec))
        if offline and row.state != ServiceState.OFFLINE:
            report.offline += 1
            log.warning(
                "algorithm service offline: service_id=%s endpoint=%s reason=%s; its frames go to "
                "others or wait",
                row.service_id,
                row.endpoint,
                answers[row.pk],
            )
    with runtime.db.write() as conn:
        services.demote(conn, demotions)


def _demotion(
    row: ServiceRow,
    state: ServiceState,
    reason: str,
    now: float,
    since: float,
    failures: int,
    pause_sec: float,
) -> dict[str, Any]:
    return {
        "pk": row.pk,
        "state": str(state),
        "reason": reason,
        "since": since,
        "failures": failures,
        "next_probe_at": now + pause_sec,
        "seen_evidence": row.last_evidence,
    }
