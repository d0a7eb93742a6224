"""The time when no process of ours ran: all were killed, or the power was lost.

People are not notified during the absence. The next watchdog detects it from the database.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from easyai.domain.alarm import AlarmKind, Change, Notice
from easyai.domain.alarm_cause import found_cause
from easyai.domain.reason import Reason
from easyai.health.facts import Facts

#: The cause of a standstill during an absence.
NOT_RUNNING: Final = "not_running"
# A process that started this soon after the watchdog's last sign of life ran before the absence:
# the watchdog shows signs of life more often than other processes.
_CLOSE_SEC: Final = 15.0


@dataclass(frozen=True, slots=True)
class Absence:
    """A time without any process of ours, between Unix seconds."""

    since: float
    until: float

    @property
    def lasted_sec(self) -> float:
        """How long the absence lasted."""
        return self.until - self.since


def as_alarm(absence: Absence, reason: Reason, at: float) -> Notice:
    """The alarm that no process could raise during the absence, raised now; `at`: Unix seconds."""
    key = (AlarmKind.INFERENCE_STALLED, "", found_cause(NOT_RUNNING), reason)
    return Notice(Change.RAISED, *key, absence.since, at, at, absence.lasted_sec)


class AbsenceWatch:
    """Checks for an absence once, when its watchdog begins to notify."""

    def __init__(self, shown_sec: float) -> None:
        """`shown_sec`: a living process shows a sign of life within this time."""
        self._shown_sec = shown_sec
        self.found: Absence | None = None
        self._leads_since: float | None = None
        self._is_known = False

    def check(self, left_at: float, started_at: float, facts: Facts, now: float) -> bool:
        """Check for an absence; return whether another check is needed.

        `left_at`: the last sign of the previous watchdog, 0 if it ended in order. `started_at`: the
        start of this watchdog. Both are Unix seconds; `now` is the monotonic clock.
        """
        if self._is_known or facts.snapshot is None:
            return False
        self._leads_since = now if self._leads_since is None else self._leads_since
        limit_sec = facts.settings.ai_analysis.stall_alarm_sec
        before = [
            process
            for process in facts.snapshot.processes
            if process.started_at <= left_at + _CLOSE_SEC
        ]
        after = [
            process.started_at for process in facts.snapshot.processes if process not in before
        ]
        since = max([left_at, *(process.beat_at for process in before)])
        until = min([started_at, *after])
        absent = left_at > 0 and until - since > limit_sec
        # A living process may have shown no sign yet, and a new process may have an old pid.
        unsure = any(process.exists is not False for process in before)
        if absent and unsure and now - self._leads_since < self._shown_sec:
            return True
        absent = absent and not any(process.exists for process in before)
        self._is_known = True
        self.found = Absence(since, until) if absent else None
        return False
