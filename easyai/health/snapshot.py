"""What the database knows of frames, services, processes and alarms in a single transaction."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from easyai.db import (
    alarms,
    clock,
    events,
    leases,
    registration_requests,
    service_events,
    statistics,
)
from easyai.db import diagnosis_facts as rows
from easyai.db.diagnosis_facts import Failures, Successes, Waiting
from easyai.db.statistics import Tally
from easyai.domain.reason import NO_REASON, Reason
from easyai.domain.type_places import TYPES_FULL
from easyai.errors import DatabaseUnavailableError
from easyai.health import misspelt, process_facts, service_facts
from easyai.health.misspelt import Misspelt
from easyai.health.process_facts import ProcessFacts, ProcessLeaseFacts
from easyai.health.service_facts import Lease, ServiceFacts
from easyai.health.successes import SuccessMemory
from easyai.health.type_facts import TypeFacts
from easyai.process.presence import SILENT_AFTER_SEC
from easyai.runtime import Runtime

__all__ = ["AlarmFacts", "ServiceFacts", "Snapshot", "TypeFacts", "read"]

log = logging.getLogger(__name__)

RECENT_SEC: Final = 60
DROPS_SEC: Final = 300
HOUR_SEC: Final = 3600.0
_REFUSED_SEC: Final = 1.1 * HOUR_SEC  # the event is repeated every hour
_DAY_SEC: Final = 24 * HOUR_SEC
# How far the clocks of two machines may differ.
CLOCK_SLACK_SEC: Final = 30.0
_BUCKET_SEC: Final = float(statistics.BUCKET_SEC)
_NOTHING: Final = Waiting()
#: Count every failed frame.
ALL: Final = 2**62


@dataclass(frozen=True, slots=True)
class AlarmFacts:
    """A system alarm that rings or rang lately."""

    kind: str
    subject: str
    cause: Reason  # no reason while the cause is not known
    began_at: float  # when the trouble began
    raised_at: float  # when people were first notified
    over_at: float | None  # when the trouble ended; None: it goes on

    def lasted_sec(self, now: float) -> float:
        """How long the trouble lasted, or has lasted so far."""
        return (now if self.over_at is None else self.over_at) - self.began_at


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All facts of the database, read in a single `Database.read`."""

    types: tuple[TypeFacts, ...]
    services: tuple[ServiceFacts, ...]
    processes: tuple[ProcessFacts, ...]
    process_leases: Mapping[str, ProcessLeaseFacts]  # scan, sweep, beat
    alarms: tuple[AlarmFacts, ...]  # ringing alarms, and alarms that ended within a day
    reasons: tuple[tuple[Reason, int], ...]  # the most frequent last failures of waiting frames
    outbox: int  # alerts that the bus has not acknowledged
    outbox_since: float  # when the oldest alert was added; 0: no alert waits
    ahead_sec: float  # how far the newest sign of life lies in the future; 0: not at all
    clock_jump_at: float  # the last clock jump within an hour; 0: none
    #: By kind, its newest orderly stop within a day; empty if every kind has a row.
    stopped: Mapping[str, float]
    types_refused: Reason = NO_REASON  # the last recent event that folders were refused
    misspelt: Mapping[str, Misspelt] = field(default_factory=dict)  # by task type
    #: Task types of the services that wait for approval, by service_id.
    requested: Mapping[str, frozenset[str]] = field(default_factory=dict)
    #: Seconds between heartbeats, if too long for the timeout, by endpoint.
    paces: Mapping[str, float] = field(default_factory=dict)

    def working(self, kind: str, now: float) -> list[ProcessFacts]:
        """Living processes of a kind (worker, beat, api, watchdog) that were seen lately."""
        own = [process for process in self.processes if process.kind == kind and not process.ended]
        return [process for process in own if self.is_recent(process, now)]

    def is_recent(self, process: ProcessFacts, now: float) -> bool:
        """Whether a process has shown a sign of life lately."""
        return abs(now - process.beat_at) <= SILENT_AFTER_SEC

    def silent(self, kind: str, now: float) -> list[ProcessFacts]:
        """Processes of a kind that did not stop in order and show no sign of life any more."""
        working = self.working(kind, now)
        return [
            process for process in self.processes if process.kind == kind and process not in working
        ]


def read(runtime: Runtime, most_failed: int = ALL) -> tuple[Snapshot | None, float]:
    """The facts of the database (None when it does not answer), and its current time.

    At most `most_failed` failed frames of each type are counted.
    """
    try:
        with runtime.db.read() as conn:
            now = clock.now(conn)
            return _read(conn, runtime, now, most_failed), now
    except (DatabaseUnavailableError, SQLAlchemyError) as error:
        log.debug("no facts from the database: %s", error)
        return None, clock.estimate(runtime.db.engine)


def _read(conn: Connection, runtime: Runtime, now: float, most_failed: int) -> Snapshot:
    analysis = runtime.settings.ai_analysis
    succeeded = runtime.part(SuccessMemory).read(conn, now)
    leased = rows.leased(conn)
    services = service_facts.read(conn, leased, analysis.heartbeat_timeout_sec, now)
    outbox, outbox_since = rows.outbox(conn)
    refused = events.newest(conn, TYPES_FULL, "", now - _REFUSED_SEC)
    own = process_facts.read(conn, runtime, now)
    lacks = {"worker", "beat", "api", "watchdog"} - {process.kind for process in own}
    ahead = rows.newest_sign(conn) - now
    requested: dict[str, frozenset[str]] = {}
    for request in registration_requests.all_requests(conn):
        task_types = requested.get(request.service_id, frozenset())
        requested[request.service_id] = task_types.union(registration_requests.task_types(request))
    named = set(runtime.settings.task_types).union(*requested.values())
    types = _types(conn, services, leased, succeeded, now, most_failed, analysis.stall_alarm_sec)
    return Snapshot(
        types=types,
        misspelt=misspelt.read(conn, types, services, named),
        requested=requested,
        services=services,
        processes=own,
        process_leases={
            name: ProcessLeaseFacts(row.holder, row.expires_at, row.done_at)
            for name, row in leases.all_leases(conn).items()
        },
        alarms=tuple(_alarm(row) for row in alarms.since(conn, now - _DAY_SEC)),
        reasons=rows.reasons(conn),
        paces=service_events.heartbeat_pauses(conn, now),
        outbox=outbox,
        outbox_since=outbox_since,
        ahead_sec=ahead if ahead > CLOCK_SLACK_SEC else 0.0,
        types_refused=refused[1] if refused else NO_REASON,
        clock_jump_at=rows.newest_event(conn, "clock_jump", now - HOUR_SEC),
        stopped=rows.stopped(conn, now - _DAY_SEC) if lacks else {},
    )


def _alarm(row: alarms.AlarmRow) -> AlarmFacts:
    cause = alarms.cause_of(row)
    return AlarmFacts(row.kind, row.subject, cause, row.began_at, row.raised_at, row.over_at)


def _types(
    conn: Connection,
    services: tuple[ServiceFacts, ...],
    leased: Sequence[Lease],
    succeeded: Mapping[str, Successes],
    now: float,
    most_failed: int,
    overdue_sec: float,
) -> tuple[TypeFacts, ...]:
    waiting = rows.waiting(conn)
    recent, seconds = statistics.recent(conn, now, RECENT_SEC)
    lately, _ = statistics.recent(conn, now, DROPS_SEC)
    all_failed, answered = rows.failed(conn, most_failed), _answered(services)
    by_type: defaultdict[str, list[Lease]] = defaultdict(list)
    for lease in leased:
        by_type[lease[0]].append(lease)
    types = []
    for row in rows.types(conn):
        name = row.name
        pending = waiting.get(("pending", name), _NOTHING)
        parked = waiting.get(("parked", name), _NOTHING)
        flying = by_type[name]
        began = [state.since for state in (pending, parked) if state.count]
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
        types.append(facts)
    return tuple(types)


def _answered(services: Sequence[ServiceFacts]) -> dict[str, float]:
    """When a service of each task type last answered."""
    answered_at: dict[str, float] = {}
    for service in services:
        for name in service.task_types:
            answered_at[name] = max(answered_at.get(name, 0.0), service.last_success_at)
    return answered_at


def _last_success(answered_at: float, succeeded: Successes | None, now: float) -> float:
    # A service's own time also counts refusals and its other types. Sums over ten seconds separate
    # them, for as long as the sums are kept.
    if succeeded:
        last_at = succeeded.last_at
        return max(last_at, min(answered_at, last_at + _BUCKET_SEC, now))
    return answered_at if answered_at <= now - HOUR_SEC else 0.0
