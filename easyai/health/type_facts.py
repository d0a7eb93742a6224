"""What the database knows of one task type."""

from __future__ import annotations

from dataclasses import dataclass

from easyai.db.facts import Failures
from easyai.db.statistics import Tally


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
