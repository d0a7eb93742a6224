"""What the database knows of a task type."""

from __future__ import annotations

from dataclasses import dataclass

from easyai.db.diagnosis_facts import Failures
from easyai.db.statistics import Tally


@dataclass(frozen=True, slots=True)
class TypeFacts:
    """The frames, failures and pace of a task type."""

    name: str
    pending: int
    parked: int
    leased: int
    failed: int  # counted up to a limit
    oldest_wait_at: float  # 0: nothing waits
    oldest_lease_at: float  # 0: nothing is in flight
    last_success_at: float  # to within ten seconds; 0: no success is remembered
    recent: Tally  # of the last minute
    recent_sec: float  # the seconds `recent` covers
    sampling_n: int
    capacity_per_sec: float | None
    failures: Failures  # of frames that ended failed since the last success
    refusals: Failures  # likewise of waiting and leased frames, once a success is overdue
    lately: Tally  # of the last five minutes
    apart_sec: float  # average time between successes in the last hour; 0: no success

    @property
    def waiting(self) -> int:
        """Frames that wait for inference, including parked frames."""
        return self.pending + self.parked
