"""What the database knows of frames, services, processes and alarms, read in one transaction."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from easyai.db import alarms, clock, leases, statistics
from easyai.db import facts as rows
from easyai.db import services as services_db
from easyai.db.facts import Failures, Successes, Waiting
from easyai.db.statistics import Tally
from easyai.errors import DatabaseUnavailableError
from easyai.health import process_facts
from easyai.health.presence import SILENT_AFTER_SEC
from easyai.health.process_facts import DutyFacts, ProcessFacts
from easyai.health.successes import SuccessMemory
from easyai.runtime import Runtime

log = logging.getLogger(__name__)

RECENT_SEC: Final = 60
DROPS_SEC: Final = 300
HOUR_SEC: Final = 3600.0
_DAY_SEC: Final = 24 * HOUR_SEC
# By which the clocks of two machines may differ.
CLOCK_SLACK_SEC: Final = 30.0
_BUCKET_SEC: Final = float(statistics.BUCKET_SEC)
_NOTHING: Final = Waiting()
_SAID: Final = ("name", "version", "health_url", "max_concurrency", "heartbeat_timeout_sec")
#: Count every failed frame.
ALL: Final = 2**62
_Lease = tuple[str, int | None, int, float]  # as `db.facts.leased` gives it


@dataclass(frozen=True, slots=True)
class TypeFacts:
    """One task type."""

    name: str
    pending: int
    parked: int
    leased: int
    failed: int  # as far as they were counted
    oldest_wait_at: float  # 0: nothing waits
    oldest_lease_at: float  # 0: nothing is in flight
    last_success_at: float  # within ten seconds; 0: none is remembered
    recent: Tally  # of the last minute
    recent_sec: float  # the seconds `recent` covers
    sampling_n: int
    capacity_per_sec: float | None
    failures: Failures  # of frames that ended failed since the last success
    refusals: Failures  # of frames that wait or are in flight, likewise, once a success is overdue
    lately: Tally  # of the last five minutes
    apart_sec: float  # of successes in the last hour, on average; 0: none in it

    @property
    def waiting(self) -> int:
        """Frames that wait for inference, parked ones included."""
        return self.pending + self.parked


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    """One endpoint."""

    pk: int
    service_id: str
    endpoint: str
    health_url: str | None
    task_types: tuple[str, ...]
    state: str
    state_reason: str
    state_since: float
    register_at: float
    last_heartbeat: float
    last_evidence: float
    last_success_at: float  # it answered, if only to refuse a frame
    heartbeat_timeout_sec: float  # its own, else that of the settings
    registered: Mapping[str, str | float]  # what else it said of itself, as far as it did
    probe_failures: int
    breaker: str  # closed, open or half-open
    last_failure_reason: str
    last_failure_at: float
    ewma_ms: float | None  # of answered calls
    in_flight: int
    oldest_lease_at: float


@dataclass(frozen=True, slots=True)
class AlarmFacts:
    """A system alarm that rings or rang lately."""

    kind: str
    subject: str
    cause: str
    began_at: float  # the trouble
    raised_at: float  # people were told first
    over_at: float | None  # the trouble ended; None: it goes on

    def lasted_sec(self, now: float) -> float:
        """How long the trouble lasted, so far where it goes on."""
        return (now if self.over_at is None else self.over_at) - self.began_at


@dataclass(frozen=True, slots=True)
class Known:
    """All that the database tells; one consistent state."""

    types: tuple[TypeFacts, ...]
    services: tuple[ServiceFacts, ...]
    processes: tuple[ProcessFacts, ...]
    duties: Mapping[str, DutyFacts]  # scan, sweep, beat
    alarms: tuple[AlarmFacts, ...]  # ringing, and over within a day
    reasons: tuple[tuple[str, int], ...]  # of waiting frames' last failures, the most frequent
    outbox: int  # alerts that the bus has not acknowledged
    outbox_since: float  # the oldest of them; 0: none
    ahead_sec: float  # how far the newest sign of life lies ahead of now; 0: it does not
    clock_jump_at: float  # within the last hour; 0: none
    stopped: Mapping[str, float]  # by kind: its newest orderly end within a day, where one lacks

    def working(self, kind: str, now: float) -> list[ProcessFacts]:
        """Living processes of a kind (worker, beat, api, watchdog) that were seen lately."""
        own = [one for one in self.processes if one.kind == kind and not one.ended]
        return [one for one in own if self.is_recent(one, now)]

    def is_recent(self, process: ProcessFacts, now: float) -> bool:
        """Whether a process has shown itself lately."""
        return abs(now - process.beat_at) <= SILENT_AFTER_SEC

    def silent(self, kind: str, now: float) -> list[ProcessFacts]:
        """Processes of a kind that did not stop in order and show themselves no more."""
        working = self.working(kind, now)
        return [one for one in self.processes if one.kind == kind and one not in working]


def read(runtime: Runtime, most_failed: int = ALL) -> tuple[Known | None, float]:
    """What the database tells, None when it does not answer; and what time it is there.

    Failed frames of each type are counted as far as `most_failed`.
    """
    try:
        with runtime.db.read() as conn:
            now = clock.now(conn)
            return _read(conn, runtime, now, most_failed), now
    except (DatabaseUnavailableError, SQLAlchemyError) as error:
        log.debug("no facts from the database: %s", error)
        return None, clock.estimate(runtime.db.engine)


def _read(conn: Connection, runtime: Runtime, now: float, most_failed: int) -> Known:
    analysis = runtime.settings.ai_analysis
    succeeded = runtime.part(SuccessMemory).read(conn, now)
    leased = rows.leased(conn)
    services = _services(conn, leased, analysis.heartbeat_timeout_sec, now)
    outbox, outbox_since = rows.outbox(conn)
    own = process_facts.read(conn, now)
    lacks = {"worker", "beat", "api", "watchdog"} - {one.kind for one in own}
    ahead = rows.newest_sign(conn) - now
    return Known(
        types=_types(conn, services, leased, succeeded, now, most_failed, analysis.stall_alarm_sec),
        services=services,
        processes=own,
        duties={
            name: DutyFacts(row.holder, row.expires_at, row.done_at)
            for name, row in leases.all_leases(conn).items()
        },
        alarms=tuple(
            AlarmFacts(row.kind, row.subject, row.cause, row.began_at, row.raised_at, row.over_at)
            for row in alarms.since(conn, now - _DAY_SEC)
        ),
        reasons=tuple(rows.reasons(conn)),
        outbox=outbox,
        outbox_since=outbox_since,
        ahead_sec=ahead if ahead > CLOCK_SLACK_SEC else 0.0,
        clock_jump_at=rows.newest_event(conn, "clock_jump", now - HOUR_SEC),
        stopped=rows.stopped(conn, now - _DAY_SEC) if lacks else {},
    )


def _types(
    conn: Connection,
    services: tuple[ServiceFacts, ...],
    leased: Sequence[_Lease],
    succeeded: Mapping[str, Successes],
    now: float,
    most_failed: int,
    overdue_sec: float,
) -> tuple[TypeFacts, ...]:
    waiting = rows.waiting(conn)
    recent, seconds = statistics.recent(conn, now, RECENT_SEC)
    lately, _ = statistics.recent(conn, now, DROPS_SEC)
    all_failed, answered = rows.failed(conn, most_failed), _answered(services)
    by_type: defaultdict[str, list[_Lease]] = defaultdict(list)
    for lease in leased:
        by_type[lease[0]].append(lease)
    found = []
    for row in rows.types(conn):
        name = row.name
        pending = waiting.get(("pending", name), _NOTHING)
        parked = waiting.get(("parked", name), _NOTHING)
        flying = by_type[name]
        began = [one.since for one in (pending, parked) if one.count]
        failed = all_failed.get(name, 0)
        last_success_at = _last_success(answered.get(name, 0.0), succeeded.get(name), now)
        overdue = (pending.count or flying) and now - last_success_at >= overdue_sec
        facts = TypeFacts(
            name=name,
            pending=pending.count,
            parked=parked.count,
            leased=sum(lease[2] for lease in flying),
            failed=failed,
            oldest_wait_at=min(began, default=0.0),
            oldest_lease_at=min((lease[3] for lease in flying), default=0.0),
            last_success_at=last_success_at,
            recent=recent.get(name) or Tally(),
            recent_sec=seconds,
            sampling_n=row.sampling_n,
            capacity_per_sec=row.capacity_per_sec,
            failures=rows.failures(conn, name, last_success_at) if failed else Failures(),
            refusals=rows.refusals(conn, name, last_success_at) if overdue else Failures(),
            lately=lately.get(name) or Tally(),
            apart_sec=succeeded[name].apart_sec if name in succeeded else 0.0,
        )
        found.append(facts)
    return tuple(found)


def _answered(services: Sequence[ServiceFacts]) -> dict[str, float]:
    """By task type, when a service of it answered last."""
    found: dict[str, float] = {}
    for one in services:
        for name in one.task_types:
            found[name] = max(found.get(name, 0.0), one.last_success_at)
    return found


def _last_success(answered_at: float, succeeded: Successes | None, now: float) -> float:
    # A service's own time counts refusals and its other types, too. Sums of ten seconds tell them
    # apart, for as long as they are kept.
    if succeeded:
        last_at = succeeded.last_at
        return max(last_at, min(answered_at, last_at + _BUCKET_SEC, now))
    return answered_at if answered_at <= now - HOUR_SEC else 0.0


def _services(
    conn: Connection,
    leased: Sequence[_Lease],
    timeout_sec: float,
    now: float,
) -> tuple[ServiceFacts, ...]:
    types = services_db.all_task_types(conn)
    flying: defaultdict[int | None, list[_Lease]] = defaultdict(list)
    for lease in leased:
        flying[lease[1]].append(lease)
    return tuple(
        _service(row, tuple(types.get(row.pk, ())), flying[row.pk], timeout_sec, now)
        for row in rows.services(conn)
    )


def _service(
    row: Any,
    task_types: tuple[str, ...],
    flying: Sequence[_Lease],
    timeout_sec: float,
    now: float,
) -> ServiceFacts:
    breaker = services_db.breaker_of(row)
    word = "closed" if breaker.closed else "open" if now < breaker.open_until else "half-open"
    return ServiceFacts(
        pk=row.pk,
        service_id=row.service_id,
        endpoint=row.endpoint,
        health_url=row.health_url,
        task_types=task_types,
        state=row.state,
        state_reason=row.state_reason,
        state_since=row.state_since,
        register_at=row.register_at,
        last_heartbeat=row.last_heartbeat,
        last_evidence=row.last_evidence,
        last_success_at=row.last_success_at,
        heartbeat_timeout_sec=row.heartbeat_timeout_sec or timeout_sec,
        registered={key: value for key in _SAID if (value := getattr(row, key))},
        probe_failures=row.probe_failures,
        breaker=word,
        last_failure_reason=row.last_failure_reason or "",
        last_failure_at=row.last_failure_at,
        ewma_ms=row.ewma_ms,
        in_flight=sum(lease[2] for lease in flying),
        oldest_lease_at=min((lease[3] for lease in flying), default=0.0),
    )
