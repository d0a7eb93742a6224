"""The SQL of metrics: what a scrape reads, in one transaction that only reads.

The cost grows with the frames that wait, the task types and the services, not with the history.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, text

from easyai.db import alarms, clock, facts, generations, outbox, task_types, totals
from easyai.db.totals import DurationTotal
from easyai.domain.totals import OTHER
from easyai.masking import endpoint_label

#: Breakers and alarms with a series of their own.
MOST_BREAKERS: Final = 500
MOST_ALARMS: Final = 200
#: Cameras with a series of their own, those with the most waiting frames.
MOST_CAMERAS: Final = 1000
_TIMEOUT_MS: Final = 5000

_SERVICES: Final = text("""
    SELECT task_type, state, count(*), sum(CASE WHEN breaker_open_until > 0 THEN 1 ELSE 0 END)
      FROM service_task_types JOIN services ON services.pk = service_task_types.service_pk
     GROUP BY task_type, state
""")
# In order of registration, so that a breaker keeps its series.
_BREAKERS: Final = text("""
    SELECT task_type, endpoint, CASE WHEN breaker_open_until > 0 THEN 1 ELSE 0 END
      FROM service_task_types JOIN services ON services.pk = service_task_types.service_pk
     WHERE state <> 'unregistered' ORDER BY services.pk, task_type LIMIT :most
""")
_CAMERAS: Final = text("""
    SELECT task_type, task_id, count(*) FROM frames WHERE state IN ('pending', 'parked')
     GROUP BY task_type, task_id ORDER BY count(*) DESC, task_type, task_id
""")
_BOUND: Final = text(f"SELECT set_config('statement_timeout', '{_TIMEOUT_MS}', true)")


@dataclass(frozen=True, slots=True)
class Waiting:
    """Frames of one type that wait, parked ones included."""

    frames: int
    oldest_sec: float  # for how long the first found of them waits


@dataclass(frozen=True, slots=True)
class Registered:
    """What the registry says of services, as of one generation of it."""

    generation: int
    services: Mapping[tuple[str, str], int]  # by type and state
    breakers: Mapping[tuple[str, str], int]  # by type and endpoint: open ones


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the database says of an installation at one moment."""

    task_types: Sequence[str]
    frames: Mapping[tuple[str, str, str], int]  # by type, outcome and reason, since the beginning
    durations: Sequence[DurationTotal]
    waiting: Mapping[str, Waiting]
    leases: Mapping[str, int]
    registered: Registered
    alarms: Mapping[tuple[str, str], int]  # by kind and subject
    outbox: int
    cameras: Mapping[tuple[str, str], int]  # frames that wait by type and camera; empty: not asked


def read(conn: Connection, known: Registered | None = None, *, by_camera: bool = False) -> Snapshot:
    """Everything that a scrape shows; of the registry what is `known`, while that stands."""
    if conn.dialect.name != "sqlite":
        conn.execute(_BOUND)
    return Snapshot(
        task_types.names(conn),
        totals.frames(conn),
        totals.durations(conn),
        _waiting(conn),
        _leases(conn),
        _registered(conn, known),
        _alarms(conn),
        outbox.backlog(conn).waiting,
        _cameras(conn) if by_camera else {},
    )


def _registered(conn: Connection, known: Registered | None) -> Registered:
    generation = generations.registry(conn)  # first: what changes meanwhile is read again
    if known is not None and known.generation == generation:
        return known
    services = [tuple(row) for row in conn.execute(_SERVICES)]
    counts = {(task_type, state): count for task_type, state, count, _ in services}
    return Registered(generation, counts, _breakers(conn, services))


def _waiting(conn: Connection) -> dict[str, Waiting]:
    now = clock.now(conn)
    found: dict[str, Waiting] = {}
    for (_, task_type), one in facts.waiting(conn).items():
        oldest_sec = max(0.0, now - one.since) if one.since else 0.0
        other = found.get(task_type, Waiting(0, 0.0))
        found[task_type] = Waiting(one.count + other.frames, max(oldest_sec, other.oldest_sec))
    return found


def _leases(conn: Connection) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for task_type, _, count, _ in facts.leased(conn):
        counts[task_type] += count
    return counts


def _breakers(
    conn: Connection, services: Sequence[tuple[str, str, int, int]]
) -> dict[tuple[str, str], int]:
    """Of the first `MOST_BREAKERS`; how many of the others of a type are open, as one."""
    open_ones: Counter[str] = Counter()
    known: Counter[str] = Counter()
    for task_type, state, count, open_count in services:
        if state != "unregistered":
            open_ones[task_type] += open_count
            known[task_type] += count
    found: Counter[tuple[str, str]] = Counter()
    for task_type, endpoint, is_open in conn.execute(_BREAKERS, {"most": MOST_BREAKERS}):
        found[task_type, endpoint_label(endpoint)] += is_open
        open_ones[task_type] -= is_open
        known[task_type] -= 1
    for task_type, left in known.items():
        if left > 0:
            found[task_type, OTHER] = open_ones[task_type]
    return found


def _cameras(conn: Connection) -> dict[tuple[str, str], int]:
    """Of `MOST_CAMERAS`; the frames of the others of a type as one."""
    found: Counter[tuple[str, str]] = Counter()
    for number, (task_type, camera, count) in enumerate(conn.execute(_CAMERAS)):
        found[task_type, camera if number < MOST_CAMERAS else OTHER] += count
    return found


def _alarms(conn: Connection) -> dict[tuple[str, str], int]:
    found: Counter[tuple[str, str]] = Counter()
    for number, row in enumerate(alarms.ringing(conn)):
        found[row.kind, _subject(row.subject) if number < MOST_ALARMS else OTHER] += 1
    return found


def _subject(subject: str) -> str:
    """What an alarm is about; an endpoint has the label that breakers and durations have."""
    return endpoint_label(subject) if "://" in subject else subject
