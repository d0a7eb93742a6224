"""The SQL of a diagnosis: waiting frames, last successes, recent changes; read-only and cheap.

The cost grows with the waiting frames, never with the history.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, text

from easyai.db.outbox import backlog
from easyai.db.reasons import read
from easyai.db.service_columns import SELECT
from easyai.domain.reason import Reason

# Three reasons show the faults; the reasons of all waiting frames would not show more.
_REASONS_OF: Final = 500
_MOST_REASONS: Final = 3
# How many frames due last are searched: a burst puts frames without an attempt after refused
# frames.
_REFUSED_AMONG: Final = 5000
#: Failed frames are counted up to this number.
MOST_FAILED: Final = 1000
_HOUR_SEC: Final = 3600.0
_CLOCK_SLACK_SEC: Final = 30.0  # the clocks of two machines may differ by so much

# The smallest id is the oldest frame; each count reads only its partial index.
_WAITING = text("""
    SELECT 'pending' AS state, task_type, count(*), min(id) FROM frames
     WHERE state = 'pending' GROUP BY task_type
    UNION ALL
    SELECT 'parked', task_type, count(*), min(id) FROM frames
     WHERE state = 'parked' GROUP BY task_type
""")
# Failed frames are kept for weeks: there may be millions.
_ANY_FAILED = text("""
    WITH RECURSIVE held(name) AS (
        SELECT min(task_type) FROM frames WHERE state = 'failed'
        UNION ALL
        SELECT (SELECT min(task_type) FROM frames WHERE state = 'failed' AND task_type > held.name)
          FROM held WHERE held.name IS NOT NULL
    )
    SELECT name, (SELECT count(*) FROM (
               SELECT 1 FROM frames
                WHERE state = 'failed' AND task_type = held.name LIMIT :most) AS counted)
      FROM held WHERE name IS NOT NULL
""")
# A requeued frame waits since it was due again, not since it was found.
_SINCE = text("""
    SELECT id, CASE WHEN tries = 0 AND due_at > found_at THEN due_at ELSE found_at END
      FROM frames WHERE id IN :ids
""").bindparams(bindparam("ids", expanding=True))
_LEASED = text("""
    SELECT task_type, service_pk, count(*), min(leased_at) FROM frames
     WHERE state = 'leased' GROUP BY task_type, service_pk
""")
_REASONS = text("""
    SELECT reason, reason_code, reason_args, count(*) AS number FROM (
        SELECT reason, reason_code, reason_args FROM frames
         WHERE state = 'pending' ORDER BY task_type, due_at, id LIMIT :most
    ) AS head WHERE coalesce(reason_code, reason, '') <> ''
     GROUP BY reason_code, reason_args, reason ORDER BY count(*) DESC, reason LIMIT 3
""")
_SUCCESSES = text("""
    SELECT task_type, max(bucket), min(CASE WHEN bucket >= :hour_ago THEN bucket END),
           sum(CASE WHEN bucket >= :hour_ago THEN 1 ELSE 0 END)
      FROM statistics
     WHERE bucket > :after AND bucket <= :until AND successes > 0 GROUP BY task_type
""")
_FAILED = text("""
    SELECT (SELECT settled_at FROM frames
             WHERE state = 'failed' AND task_type = :name AND settled_at > :since
             ORDER BY settled_at LIMIT 1),
           (SELECT settled_at FROM frames
             WHERE state = 'failed' AND task_type = :name AND settled_at > :since
             ORDER BY settled_at DESC LIMIT 1),
           (SELECT count(*) FROM (
               SELECT 1 FROM frames
                WHERE state = 'failed' AND task_type = :name AND settled_at > :since
                LIMIT :most) AS counted)
""")
_FAILED_REASONS = text("""
    SELECT reason, reason_code, reason_args, count(*) AS number FROM (
        SELECT reason, reason_code, reason_args FROM frames
         WHERE state = 'failed' AND task_type = :name AND settled_at > :since
         ORDER BY settled_at DESC LIMIT :most
    ) AS newest WHERE coalesce(reason_code, reason, '') <> ''
     GROUP BY reason_code, reason_args, reason ORDER BY count(*) DESC, reason LIMIT 3
""")
# Also frames in flight: a few frames that are tried all the time are hardly ever waiting. Frames
# that were refused last are due last, except for frames that were found since.
_REFUSED = text("""
    SELECT * FROM (
        SELECT reason, reason_code, reason_args, last_failure_at FROM (
            SELECT reason, reason_code, reason_args, attempts, last_failure_at FROM frames
             WHERE state = 'pending' AND task_type = :name
             ORDER BY due_at DESC, id DESC LIMIT :looked_at
        ) AS newest WHERE attempts > 0 AND last_failure_at > :since LIMIT :most
    ) AS refused
    UNION ALL
    SELECT reason, reason_code, reason_args, last_failure_at FROM frames
     WHERE state = 'leased' AND task_type = :name AND attempts > 0 AND last_failure_at > :since
""")
_TYPES = text("SELECT name, first_seen, sampling_n, capacity_per_sec FROM task_types ORDER BY name")
_SERVICES = text(f"{SELECT} FROM services ORDER BY service_id, endpoint")
_NEWEST_EVENT = text("""
    SELECT max(at) FROM events WHERE at >= :since AND kind = :kind
""")
_STOPPED = text("""
    SELECT subject, max(at) FROM events WHERE at >= :since AND kind = 'process_stopped'
     GROUP BY subject
""")
_AHEAD = text("""
    SELECT max(seen) FROM (
        SELECT max(last_evidence) AS seen FROM services
        UNION ALL SELECT max(last_heartbeat) FROM services
        UNION ALL SELECT max(beat_at) FROM processes
        UNION ALL SELECT max(done_at) FROM process_leases
    ) AS known
""")


@dataclass(frozen=True, slots=True)
class Waiting:
    """Frames of a type in a state."""

    count: int = 0
    since: float = 0.0  # when the oldest frame began to wait; 0: not known


@dataclass(frozen=True, slots=True)
class Successes:
    """When frames of a type succeeded, with a resolution of ten seconds."""

    last_at: float  # the start of the newest ten seconds with a success
    apart_sec: float = 0.0  # average interval in the last hour; 0: no success in the last hour


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The ten-second sums of a type that have a success."""

    last_at: float  # the start of the newest sum
    first_at: float | None  # the start of the first sum in the last hour; None: no sum
    count: int  # of sums in the last hour

    def and_then(self, newer: Succeeded) -> Succeeded:
        """Merge these sums with later sums."""
        first_at = newer.first_at if self.first_at is None else self.first_at
        return Succeeded(newer.last_at, first_at, self.count + newer.count)

    def as_of(self, now: float) -> Successes:
        """The successes as of a moment."""
        if self.first_at is None:
            return Successes(self.last_at)
        # Up to now: after a single burst in the hour the next success may take long.
        return Successes(self.last_at, max(0.0, now - self.first_at) / self.count)


@dataclass(frozen=True, slots=True)
class Failures:
    """Frames of a type that failed since a moment."""

    count: int = 0  # MOST_FAILED at most
    first_at: float = 0.0
    newest_at: float = 0.0
    reasons: tuple[tuple[Reason, int], ...] = ()  # the three most frequent of the newest hundreds


def waiting(conn: Connection) -> dict[tuple[str, str], Waiting]:
    """Count pending and parked frames by state and task type."""
    rows = list(conn.execute(_WAITING))
    ids = [first for _, _, _, first in rows if first]
    since: dict[int, float] = {}
    if ids:
        since = {row[0]: row[1] for row in conn.execute(_SINCE, {"ids": ids})}
    return {
        (state, task_type): Waiting(count, since.get(first, 0.0))
        for state, task_type, count, first in rows
    }


def failed(conn: Connection, most: int) -> dict[str, int]:
    """Count failed frames by task type, up to `most` each; without types that have no failures."""
    return {row[0]: row[1] for row in conn.execute(_ANY_FAILED, {"most": most})}


def leased(conn: Connection) -> list[tuple[str, int | None, int, float]]:
    """Frames in flight: task type, service pk, how many, and when the oldest was leased."""
    return [(row[0], row[1], row[2], row[3] or 0.0) for row in conn.execute(_LEASED)]


def reasons(conn: Connection) -> tuple[tuple[Reason, int], ...]:
    """The three most frequent reasons of the last failures of frames at the head of the queue."""
    return _counted(conn.execute(_REASONS, {"most": _REASONS_OF}))


def _counted(rows: Iterable[Row[Any]]) -> tuple[tuple[Reason, int], ...]:
    return tuple((read(row, "reason"), row.number) for row in rows)


def succeeded(
    conn: Connection, now: float, *, after: float = 0.0, until: float | None = None
) -> dict[str, Succeeded]:
    """The successes by task type in the stored ten-second sums that began in (after, until].

    `until` is now by default, so that sums from a clock that was ahead do not count.
    """
    last = now + _CLOCK_SLACK_SEC if until is None else until
    values = {"hour_ago": now - _HOUR_SEC, "after": after, "until": last}
    return {
        row[0]: Succeeded(float(row[1]), None if row[2] is None else float(row[2]), int(row[3]))
        for row in conn.execute(_SUCCESSES, values)
    }


def failures(conn: Connection, task_type: str, since: float) -> Failures:
    """Frames of a type that failed after a moment and are still failed."""
    values = {"name": task_type, "since": since}
    first, newest, count = conn.execute(_FAILED, values | {"most": MOST_FAILED}).one()
    if not count:
        return Failures()
    rows = conn.execute(_FAILED_REASONS, values | {"most": _REASONS_OF})
    return Failures(count, float(first), float(newest), _counted(rows))


def refusals(conn: Connection, task_type: str, since: float) -> Failures:
    """Pending or leased frames of a type that were refused after a moment.

    Of pending frames, counts some hundreds among the thousands that are due last.
    """
    values = {
        "name": task_type,
        "since": since,
        "most": _REASONS_OF,
        "looked_at": _REFUSED_AMONG,
    }
    rows = conn.execute(_REFUSED, values)
    refused = [(read(row, "reason"), float(row.last_failure_at)) for row in rows]
    if not refused:
        return Failures()
    moments = [at for _, at in refused]
    counts = Counter(reason for reason, _ in refused if reason)
    most = sorted(counts.items(), key=lambda pair: (-pair[1], str(pair[0])))[:_MOST_REASONS]
    return Failures(len(refused), min(moments), max(moments), tuple(most))


def types(conn: Connection) -> list[Row[Any]]:
    """Every task type with its measured values."""
    return list(conn.execute(_TYPES))


def services(conn: Connection) -> list[Row[Any]]:
    """Every endpoint ever registered."""
    return list(conn.execute(_SERVICES))


def outbox(conn: Connection) -> tuple[int, float]:
    """Count alerts that the bus has not acknowledged, and when the oldest was made (0: none)."""
    waiting, oldest_at = backlog(conn)
    return waiting, float(oldest_at or 0.0)


def newest_event(conn: Connection, kind: str, since: float) -> float:
    """When an event of a kind last happened; 0 when no such event happened since `since`."""
    return float(conn.execute(_NEWEST_EVENT, {"kind": kind, "since": since}).scalar() or 0.0)


def stopped(conn: Connection, since: float) -> dict[str, float]:
    """When a process last stopped in order since a moment, by kind of process (worker, beat, …)."""
    last_stops: dict[str, float] = {}
    for subject, at in conn.execute(_STOPPED, {"since": since}):
        kind = str(subject).partition("@")[0]
        last_stops[kind] = max(last_stops.get(kind, 0.0), float(at))
    return last_stops


def newest_sign(conn: Connection) -> float:
    """The newest sign of life of services and processes; a sign ahead of now: a clock jumped."""
    return float(conn.execute(_AHEAD).scalar() or 0.0)
