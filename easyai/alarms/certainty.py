"""Conditions that cannot be judged yet: silence means little after a start or a clock jump."""

from __future__ import annotations

from easyai.domain.alarm import AlarmKind
from easyai.health.facts import Facts


def unsure(
    facts: Facts, age_sec: float, steady_sec: float, settled: bool, start_sec: float
) -> frozenset[AlarmKind]:
    """The kinds that are not judged: their ringing alarms go on, and no new alarm is raised.

    `age_sec`: for how long the watchdog has run. `steady_sec`: for how long its clocks have agreed.
    `settled`: whether a standstill would have been seen by now. `start_sec`: how long all our
    processes may take to start.
    """
    kinds: set[AlarmKind] = set()
    if min(age_sec, steady_sec) < facts.settings.ai_analysis.heartbeat_timeout_sec:
        # The times in the rows are old: each living service must send a heartbeat first.
        kinds.add(AlarmKind.HEARTBEATS_MISSING)
    if not settled:
        kinds.add(AlarmKind.INFERENCE_STALLED)
    if _starts(facts, age_sec, start_sec):
        kinds |= {AlarmKind.INFERENCE_STALLED, AlarmKind.NO_ALGORITHM}
    return frozenset(kinds)


def _starts(facts: Facts, age_sec: float, most_sec: float) -> bool:
    """Whether all our processes have just started, not only the watchdog."""
    start_sec = min(most_sec, 2 * facts.settings.ai_analysis.stall_alarm_sec)
    if age_sec >= start_sec:
        return False
    workers = facts.snapshot.working("worker", facts.now) if facts.snapshot else []
    return not any(facts.now - worker.started_at >= start_sec for worker in workers)
