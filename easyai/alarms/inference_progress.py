"""Whether inference goes on: judged by the database's times and by this process's observations.

Neither is enough alone. The times survive a restart of the watchdog, but are wrong after the wall
clock was set. Observations on the monotonic clock are never wrong, but a restart loses them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from easyai.alarms.timings import Timings
from easyai.health.facts import Facts
from easyai.health.snapshot import TypeFacts
from easyai.settings.schema import Settings


@dataclass(frozen=True, slots=True)
class Standstill:
    """What stands still, and for how long."""

    types: Mapping[str, float]  # stalled types: seconds of waiting or failing without a success
    everything: bool  # no other type has succeeded since they all stand still
    blind_sec: float = 0.0  # for how long nothing has been known or found; 0: not blind
    goes_on: bool = False  # blind, while frames that others name are inferred

    @property
    def blind(self) -> bool:
        """Whether the database is silent or no scan finds frames any more."""
        return self.blind_sec > 0

    def lasted_sec(self, subject: str = "") -> float:
        """For how long the type `subject` stands still; '': the longest time of any type."""
        return self.blind_sec or self.types.get(subject) or max(self.types.values())


@dataclass(slots=True)
class _Watched:
    mark: tuple[object, ...]  # changes with every success
    since: float


@dataclass(slots=True)
class Progress:
    """Remembers when each type last made progress; `now` is the monotonic clock."""

    started: float
    timings: Timings
    _types: dict[str, _Watched] = field(default_factory=dict)
    _scanned_at: float | None = None  # the time in the database; it changes with every scan
    _sighted: float | None = None  # when that time last changed, on our clock
    _unsettled_at: float | None = None  # when the clock jumped

    def unsettle(self, now: float) -> None:
        """Distrust the times read from now on for a while, because the wall clock has jumped."""
        self._unsettled_at = now
        for watched in self._types.values():
            watched.since = now

    def is_settled(self, settings: Settings, now: float) -> bool:
        """Whether "nothing stands still" is certain; earlier, a standstill may not be seen yet."""
        analysis = settings.ai_analysis
        begun = self.started if self._unsettled_at is None else self._unsettled_at
        settling_sec = min(self.timings.settling_sec, analysis.stall_alarm_sec)
        first_sec = self.timings.first_observation_sec
        return now - begun >= settling_sec + analysis.scan_interval_sec + first_sec

    def standstill(self, facts: Facts, now: float) -> Standstill | None:
        """The types that have stood still for `stall_alarm_sec`; None when all types go on."""
        limit = facts.settings.ai_analysis.stall_alarm_sec
        types = facts.types
        lasted = {task_type.name: self._watch(facts, task_type, now) for task_type in types}
        if facts.snapshot is not None:
            self._types = {name: self._types[name] for name in lasted}  # without forgotten types
        busy = [task_type for task_type in types if task_type.waiting or task_type.leased]
        settling_sec = self.timings.settling_sec
        still = [
            task_type
            for task_type in types
            if _is_still(facts, task_type, lasted[task_type.name], settling_sec)
        ]
        blind_sec = self._blind_sec(facts, now, limit)
        goes_on = any(lasted[task_type.name] < limit for task_type in busy) or any(
            facts.now - task_type.last_success_at < limit for task_type in types
        )
        pause = facts.settings.ai_analysis.scan_interval_sec
        longest_sec = limit + (self.timings.scan_silent_sec if goes_on else 0.0)
        if blind_sec >= longest_sec + pause - 1:
            found = {task_type.name: lasted[task_type.name] for task_type in still}
            return Standstill(found, True, blind_sec, goes_on)
        if not still:
            return None
        stood = {
            task_type.name: max(lasted[task_type.name], facts.now - facts.stands_since(task_type))
            for task_type in still
        }
        begun = facts.now - min(stood.values())
        # Since then, not lately: else every rare frame of another type would change the answer.
        everything = all(
            task_type.last_success_at <= begun for task_type in types if task_type.name not in stood
        )
        return Standstill(stood, everything)

    def _watch(self, facts: Facts, task_type: TypeFacts, now: float) -> float:
        """For how long we have seen frames of a type wait or fail without a success."""
        idle = not _is_held(facts, task_type)
        mark = (idle, task_type.last_success_at)
        watched = self._types.get(task_type.name)
        if watched is None or watched.mark != mark or idle:
            self._types[task_type.name] = watched = _Watched(mark, now)
        return now - watched.since

    def _blind_sec(self, facts: Facts, now: float, limit: float) -> float:
        """For how long no scan has found frames, or the database has not answered."""
        scan = facts.snapshot.process_leases.get("scan") if facts.snapshot else None
        # The first observation is trusted only as far as the settling time allows.
        earliest = self.started - (limit - min(self.timings.settling_sec, limit))
        if not facts.settings.ai_analysis.enable:
            # Scans run, but look for nothing.
            self._sighted = earliest if self._sighted is None else self._sighted
        elif scan and not facts.failed("database") and scan.done_at != self._scanned_at:
            age = max(0.0, facts.now - scan.done_at) if self._scanned_at is None else 0.0
            self._sighted = max(now - age, earliest)
            self._scanned_at = scan.done_at
        return now - (self.started if self._sighted is None else self._sighted)


def _is_held(facts: Facts, task_type: TypeFacts) -> bool:
    """Whether frames of a type wait, are in flight, or only fail."""
    return bool(task_type.waiting or task_type.leased) or facts.only_fails(task_type)


def _is_still(facts: Facts, task_type: TypeFacts, watched_sec: float, settling_sec: float) -> bool:
    if not _is_held(facts, task_type):
        return False
    limit = facts.settings.ai_analysis.stall_sec(task_type.name)
    if watched_sec >= limit:
        return True
    return watched_sec >= min(settling_sec, limit) and facts.is_stalled(task_type)
