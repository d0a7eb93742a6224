"""The SQL of metrics: a scrape reads everything in a single read-only transaction.

The cost grows with the waiting frames, the task types and the services, not with the history.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, text

from easyai.db import alarms, clock, diagnosis_facts, generations, outbox, task_types, totals
from easyai.db.totals import DurationTotal
from easyai.domain.outcome_totals import OTHER
from easyai.masking import endpoint_label

#: The most breakers and alarms that get a series each.
MOST_BREAKERS: Final = 500
MOST_ALARMS: Final = 200
#: The cameras with the most waiting frames get a series each.
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
    """The waiting frames of a type, including parked frames."""

    frames: int
    oldest_sec: float  # how long the oldest frame has waited


@dataclass(frozen=True, slots=True)
class Registered:
    """The services and breakers of a generation of the registry."""

    generation: int
    services: Mapping[tuple[str, str], int]  # by type and state
    breakers: Mapping[tuple[str, str], int]  # open breakers, by type and endpoint


@dataclass(frozen=True, slots=True)
class MetricsSnapshot:
    """The state of an installation at a moment, as the database has it."""

    task_types: Sequence[str]
    frames: Mapping[tuple[str, str, str], int]  # by type, outcome and reason, since the beginning
    durations: Sequence[DurationTotal]
    waiting: Mapping[str, Waiting]
    leases: Mapping[str, int]
    registered: Registered
    alarms: Mapping[tuple[str, str], int]  # by kind and subject
    outbox: int
    cameras: Mapping[tuple[str, str], int]  # waiting frames by type and camera; empty: not asked


def read(
    conn: Connection, known: Registered | None = None, *, by_camera: bool = False
) -> MetricsSnapshot:
    """Everything that a scrape shows; returns `known` while the registry has not changed."""
    if conn.dialect.name != "sqlite":
        conn.execute(_BOUND)
    return MetricsSnapshot(
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
    generation = generations.registry(conn)  # first: the next scrape reads later changes
    if known is not None and known.generation == generation:
        return known
    services = [tuple(row) for row in conn.execute(_SERVICES)]
    counts = {(task_type, state): count for task_type, state, count, _ in services}
    return Registered(generation, counts, _breakers(conn, services))


def _waiting(conn: Connection) -> dict[str, Waiting]:
    now = clock.now(conn)
    by_type: dict[str, Waiting] = {}
    for (_, task_type), group in diagnosis_facts.waiting(conn).items():
        oldest_sec = max(0.0, now - group.since) if group.since else 0.0
        other = by_type.get(task_type, Waiting(0, 0.0))
        by_type[task_type] = Waiting(group.count + other.frames, max(oldest_sec, other.oldest_sec))
    return by_type


def _leases(conn: Connection) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for task_type, _, count, _ in diagnosis_facts.leased(conn):
        counts[task_type] += count
    return counts


def _breakers(
    conn: Connection, services: Sequence[tuple[str, str, int, int]]
) -> dict[tuple[str, str], int]:
    """Open breakers: a count for each of the first `MOST_BREAKERS`, a sum by type for the rest."""
    open_counts: Counter[str] = Counter()
    known: Counter[str] = Counter()
    for task_type, state, count, open_count in services:
        if state != "unregistered":
            open_counts[task_type] += open_count
            known[task_type] += count
    open_breakers: Counter[tuple[str, str]] = Counter()
    for task_type, endpoint, is_open in conn.execute(_BREAKERS, {"most": MOST_BREAKERS}):
        open_breakers[task_type, endpoint_label(endpoint)] += is_open
        open_counts[task_type] -= is_open
        known[task_type] -= 1
    for task_type, left in known.items():
        if left > 0:
            open_breakers[task_type, OTHER] = open_counts[task_type]
    return open_breakers


def _cameras(conn: Connection) -> dict[tuple[str, str], int]:
    """Waiting frames: a count for each of `MOST_CAMERAS`, a sum by type for the other cameras."""
    frames: Counter[tuple[str, str]] = Counter()
    for number, (task_type, camera, count) in enumerate(conn.execute(_CAMERAS)):
        frames[task_type, camera if number < MOST_CAMERAS else OTHER] += count
    return frames


def _alarms(conn: Connection) -> dict[tuple[str, str], int]:
    counts: Counter[tuple[str, str]] = Counter()
    for number, row in enumerate(alarms.ringing(conn)):
        counts[row.kind, _subject(row.subject) if number < MOST_ALARMS else OTHER] += 1
    return counts


def _subject(subject: str) -> str:
    """The subject of an alarm; an endpoint gets the same label as in breakers and durations."""
    return endpoint_label(subject) if "://" in subject else subject
