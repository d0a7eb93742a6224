"""The named checks that are answered from database rows: processes, services, queue, clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from easyai.domain.reason import Reason
from easyai.domain.service import ROUTABLE
from easyai.health.checks.named_check import Check, CheckResult, NotWellError, run_check
from easyai.health.clocks import MOST_OFF_SEC, clocks_off
from easyai.health.facts import Facts
from easyai.health.failing import failed_frames
from easyai.health.liveness import api_gone, beat_late, scan_late
from easyai.health.snapshot import Snapshot

_Judge = Callable[[Facts, Snapshot], Reason | None]


@dataclass(frozen=True, slots=True)
class RowCheck:
    """A check that is answered from rows already read, so it takes no time."""

    name: str
    facts: Facts
    judge: _Judge
    limit_sec: float = 1.0

    def check(self) -> None:
        """Raise NotWellError when the rows show a fault."""
        snapshot = self.facts.snapshot
        if snapshot is None or self.facts.failed("database"):
            raise NotWellError(Reason("check.not_known"))
        reason = self.judge(self.facts, snapshot)
        if reason is not None:
            raise NotWellError(reason)


def row_checks(facts: Facts) -> list[Check]:
    """Every check of this kind over facts that have been gathered."""
    return [RowCheck(name, facts, judge) for name, judge in _JUDGES.items()]


def row_results(facts: Facts) -> list[CheckResult]:
    """The results of these checks."""
    return [run_check(check) for check in row_checks(facts)]


def _worker(facts: Facts, snapshot: Snapshot) -> Reason | None:
    working = snapshot.working("worker", facts.now)
    if not working:
        return Reason("worker.none_works")
    late_sec = scan_late(facts, snapshot)
    return Reason.of("worker.scan_late", late_sec=late_sec) if late_sec else None


def _beat(facts: Facts, snapshot: Snapshot) -> Reason | None:
    if not beat_late(facts, snapshot):
        return None
    return Reason("beat.none_leads")


def _api(facts: Facts, snapshot: Snapshot) -> Reason | None:
    if not api_gone(facts, snapshot):
        return None
    return Reason("api.none_works")


def _watchdog(facts: Facts, snapshot: Snapshot) -> Reason | None:
    if snapshot.working("watchdog", facts.now):
        return None
    return Reason("watchdog.none_works")


def _services(facts: Facts, snapshot: Snapshot) -> Reason | None:
    wanted = [
        task_type
        for task_type in snapshot.types
        if task_type.waiting or task_type.leased or task_type.recent.found
    ]
    routable = [service for service in facts.services if service.state in ROUTABLE]
    served = {name for service in routable for name in service.task_types}
    unserved = [task_type.name for task_type in wanted if task_type.name not in served]
    if unserved:
        return Reason.of("services.none_for_types", task_types=tuple(unserved))
    if not facts.services and (snapshot.services or snapshot.types):
        return Reason("services.none_registered")
    away = [service.service_id for service in facts.services if service.state not in ROUTABLE]
    if away:
        return Reason.of("services.offline", service_ids=tuple(away))
    return None


def _breakers(facts: Facts, snapshot: Snapshot) -> Reason | None:
    del snapshot
    opened = [
        service.service_id
        for service in facts.services
        if service.breaker == "open" or (service.breaker != "closed" and facts.is_failing(service))
    ]
    if not opened:
        return None
    return Reason.of("breakers.open", service_ids=tuple(opened))


def backlog(facts: Facts, *, rings: bool) -> int:
    """The number of frames that count for `max_queue_size`; `rings`: the backlog alarm rings.

    Parked frames wait for a service, not in a queue that is too long. But while the alarm rings
    parked frames count: parking a frame is not working it off.
    """
    return sum(task_type.waiting if rings else task_type.pending for task_type in facts.types)


def _queue(facts: Facts, snapshot: Snapshot) -> Reason | None:
    limit = facts.settings.ai_analysis.max_queue_size
    rings = any(
        alarm.kind == "queue_backlog" and alarm.over_at is None for alarm in snapshot.alarms
    )
    waiting = backlog(facts, rings=rings)
    if waiting > limit * (BACKLOG_OVER_BELOW if rings else 1.0):
        return Reason.of("queue.too_long", waiting=waiting, limit=limit)
    failing = [task_type for task_type in facts.stalled if facts.only_fails(task_type)]
    if failing:
        types = tuple(task_type.name for task_type in failing)
        return Reason.of("queue.only_failures", failed=failed_frames(failing), task_types=types)
    stalled = [task_type for task_type in facts.stalled if task_type.pending or task_type.leased]
    if stalled:
        waiting = sum(task_type.waiting + task_type.leased for task_type in stalled)
        types = tuple(task_type.name for task_type in stalled)
        return Reason.of("queue.no_success", waiting=waiting, task_types=types)
    return None


def _clock(facts: Facts, snapshot: Snapshot) -> Reason | None:
    if snapshot.ahead_sec:
        return Reason.of("clock.rows_ahead", ahead_sec=snapshot.ahead_sec)
    off = clocks_off(snapshot, facts.now)
    if off:
        return Reason.of("clock.off_on", most_sec=MOST_OFF_SEC, hosts=tuple(off))
    if facts.now - snapshot.clock_jump_at < _JUMP_SHOWN_SEC:
        return Reason.of("clock.jumped_at", jump_at=snapshot.clock_jump_at)
    return None


def _watch(facts: Facts, known: Snapshot) -> Reason | None:
    """Whether the process that watched the frame folder has stopped without releasing its lease."""
    extractor, lease = facts.settings.frame_extractor, known.process_leases.get("watch")
    if extractor.folder is None or not extractor.watch_folder or lease is None:
        return None
    if not lease.expires_at or lease.expires_at > facts.now:
        return None
    return Reason("incoming.nobody_watches") if known.working("worker", facts.now) else None


BACKLOG_OVER_BELOW: Final = 0.8  # of max_queue_size; the alarm rings until the queue is below this
_JUMP_SHOWN_SEC: Final = 600.0
_JUDGES: Final[dict[str, _Judge]] = {
    "worker": _worker,
    "beat": _beat,
    "api": _api,
    "watchdog": _watchdog,
    "services": _services,
    "breakers": _breakers,
    "queue": _queue,
    "clock": _clock,
    "watch": _watch,
}
