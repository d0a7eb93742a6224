"""What cannot be judged yet: after a start or a jump of the clock, silence means little."""

from __future__ import annotations

from easyai.domain.alarm import Kind
from easyai.health.facts import Facts


def unsure(
    facts: Facts, age_sec: float, steady_sec: float, settled: bool, start_sec: float
) -> frozenset[Kind]:
    """The kinds that are not judged: what rings goes on, and nothing new is raised.

    `age_sec` is the watchdog's, `steady_sec` how long its clocks have agreed; `settled` whether a
    standstill would have been seen by now, `start_sec` what all of us is given at a start.
    """
    kinds: set[Kind] = set()
    if min(age_sec, steady_sec) < facts.settings.ai_analysis.heartbeat_timeout_sec:
        # Times in the rows are from before: those who live have to be heard once.
        kinds.add(Kind.HEARTBEATS_MISSING)
    if not settled:
        kinds.add(Kind.INFERENCE_STALLED)
    if _starts(facts, age_sec, start_sec):
        kinds |= {Kind.INFERENCE_STALLED, Kind.NO_ALGORITHM}
    return frozenset(kinds)


def _starts(facts: Facts, age_sec: float, most_sec: float) -> bool:
    """Whether all of us has just started; not: the watchdog alone."""
    start_sec = min(most_sec, 2 * facts.settings.ai_analysis.stall_alarm_sec)
    if age_sec >= start_sec:
        return False
    workers = facts.known.working("worker", facts.now) if facts.known else []
    return not any(facts.now - worker.started_at >= start_sec for worker in workers)
