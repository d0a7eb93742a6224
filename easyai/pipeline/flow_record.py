"""Records every ten seconds what the curves of the dashboard show; part of the sweep."""

from __future__ import annotations

from collections import Counter
from typing import Final

from easyai.db import admission_rows, clock, flow_history, waiting
from easyai.db.statistics import BUCKET_SEC
from easyai.runtime import Runtime

# A transaction counts in the ten seconds in which it read the clock, and commits later.
_LATE_SEC: Final = 3


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
        counts = Counter(waiting.counts(conn))
        counts.update(admission_rows.parked_counts(conn))
    with runtime.db.write() as conn:
        flow_history.record(conn, before, until, counts)
    return True
