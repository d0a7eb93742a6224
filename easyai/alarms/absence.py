"""For how long nothing of ours ran: everything was killed, or the power was lost.

Nobody notifies people while it lasts; the first watchdog after it knows from the database.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from easyai.domain.alarm import Change, Kind, Notice
from easyai.domain.alarm_cause import found_cause
from easyai.domain.reason import Reason
from easyai.health.facts import Facts

#: The cause of what stood still meanwhile.
NOT_RUNNING: Final = "not_running"
# The watchdog shows itself more often than others do: what began this close to its end was there.
_CLOSE_SEC: Final = 15.0


@dataclass(frozen=True, slots=True)
class Absence:
    """A time without any process of ours, between Unix seconds."""

    since: float
    until: float

    @property
    def lasted_sec(self) -> float:
        """How long it was."""
        return self.until - self.since


def as_alarm(absence: Absence, reason: Reason, at: float) -> Notice:
    """The alarm that nobody could raise then, as it is raised now; `at`: Unix seconds."""
    key = (Kind.INFERENCE_STALLED, "", found_cause(NOT_RUNNING), reason)
    return Notice(Change.RAISED, *key, absence.since, at, at, absence.lasted_sec)


class AbsenceWatch:
    """Finds out once, when its watchdog begins to notify."""

    def __init__(self, shown_sec: float) -> None:
        """`shown_sec`: a process that lives shows itself within this time."""
        self._shown_sec = shown_sec
        self.found: Absence | None = None
        self._leads_since: float | None = None
        self._is_known = False

    def looks(self, left_at: float, started_at: float, facts: Facts, now: float) -> bool:
        """Look for one; whether another look is needed to know.

        `left_at` is when the watchdog before was there last, 0 when it ended in order, `started_at`
        when this one started, both Unix seconds; `now` is the monotonic clock.
        """
        if self._is_known or facts.known is None:
            return False
        self._leads_since = now if self._leads_since is None else self._leads_since
        limit_sec = facts.settings.ai_analysis.stall_alarm_sec
        before = [
            process
            for process in facts.known.processes
            if process.started_at <= left_at + _CLOSE_SEC
        ]
        after = [process.started_at for process in facts.known.processes if process not in before]
        since = max([left_at, *(process.beat_at for process in before)])
        until = min([started_at, *after])
        absent = left_at > 0 and until - since > limit_sec
        # One that lives may not have shown itself yet, and a number may be given to a new process.
        unsure = any(process.exists is not False for process in before)
        if absent and unsure and now - self._leads_since < self._shown_sec:
            return True
        absent = absent and not any(process.exists for process in before)
        self._is_known = True
        self.found = Absence(since, until) if absent else None
        return False
