"""Records every ten seconds what the curves of the dashboard show; part of the sweep."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from sqlalchemy import Connection

from easyai.db import admission_rows, clock, flow_history, waiting
from easyai.db.statistics import BUCKET_SEC
from easyai.runtime import Runtime

# A transaction counts in the ten seconds in which it read the clock, and commits later: the curves
# have the frames of most transactions at once, and of later ones after the next record.
_LATE_SEC: Final = 3
# More waiting frames are counted once a minute: on PostgreSQL a million take a quarter of a second.
_MANY: Final = 200_000
_MINUTE_SEC: Final = 60


def record_flow(runtime: Runtime) -> bool:
    """Record the ten seconds that are over; whether there were any since the last record.

    Raises DatabaseUnavailableError.
    """
    with runtime.db.read() as conn:
        before, now = flow_history.reading(conn), clock.now(conn)
        until = int(now - _LATE_SEC) // BUCKET_SEC * BUCKET_SEC
        if before.until == until:
            return False
        if before.until > until:  # the clock was set back
            before = flow_history.Reading(0, before.durations)
        counts = _waiting(conn, before.until, until)
    with runtime.db.write() as conn:
        flow_history.record(conn, before, until, counts)
    return True


def _waiting(conn: Connection, before: int, until: int) -> Mapping[str, int]:
    """Waiting frames by type; if there were many at the record `before`, those of its minute."""
    if before // _MINUTE_SEC == until // _MINUTE_SEC:
        known = flow_history.backlog(conn, before)
        if sum(known.values()) > _MANY:
            return known
    counts = Counter(waiting.counts(conn))
    counts.update(admission_rows.parked_counts(conn))
    return counts
