"""Whether inference goes on: seen by the database's times, and by what this process watched.

Neither alone would do. The times survive a restart of the watchdog, but lie after the wall clock
was set; what was watched on the monotonic clock never lies, but begins anew with each start.
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

    types: Mapping[str, float]  # whose frames wait or fail and none succeeds: for how many seconds
    everything: bool  # no other type has succeeded either, since all of them do
    blind_sec: float = 0.0  # for how long nothing is known or found any more; 0: it is

    @property
    def blind(self) -> bool:
        """Whether nothing is known or found any more."""
        return self.blind_sec > 0

    def lasted_sec(self, subject: str = "") -> float:
        """For how long one of the types stands still; '': the longest of any."""
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
    _scanned_at: float | None = None  # as the database has it; it changes with every scan
    _sighted: float | None = None  # when it changed last, on our clock
    _unsettled_at: float | None = None  # the clock jumped

    def unsettle(self, now: float) -> None:
        """The wall clock has jumped: times read from now on are not trusted for a while."""
        self._unsettled_at = now
        for watched in self._types.values():
            watched.since = now

    def is_settled(self, settings: Settings, now: float) -> bool:
        """Whether "nothing stands still" is an answer; before, it may only not be seen yet."""
        analysis = settings.ai_analysis
        begun = self.started if self._unsettled_at is None else self._unsettled_at
        settling_sec = min(self.timings.settling_sec, analysis.stall_alarm_sec)
        look_sec = self.timings.first_look_sec
        return now - begun >= settling_sec + analysis.scan_interval_sec + look_sec

    def standstill(self, facts: Facts, now: float) -> Standstill | None:
        """What has stood still for `stall_alarm_sec`; None when all goes on."""
        limit = facts.settings.ai_analysis.stall_alarm_sec
        types = facts.types
        lasted = {one.name: self._watch(facts, one, now) for one in types}
        if facts.known is not None:
            self._types = {name: self._types[name] for name in lasted}  # not those forgotten
        busy = [one for one in types if one.waiting or one.leased]
        settling_sec = self.timings.settling_sec
        still = [one for one in types if _is_still(facts, one, lasted[one.name], settling_sec)]
        blind_sec = self._blind_sec(facts, now, limit)
        goes_on = any(lasted[one.name] < limit for one in busy)
        pause = facts.settings.ai_analysis.scan_interval_sec
        if blind_sec >= limit + pause - 1 and not goes_on:
            return Standstill({one.name: lasted[one.name] for one in still}, True, blind_sec)
        if not still:
            return None
        stood = {
            one.name: max(lasted[one.name], facts.now - facts.stands_since(one)) for one in still
        }
        begun = facts.now - min(stood.values())
        # Since then, not lately: else each rare frame of another type would change the answer.
        everything = all(one.last_success_at <= begun for one in types if one.name not in stood)
        return Standstill(stood, everything)

    def _watch(self, facts: Facts, task_type: TypeFacts, now: float) -> float:
        """For how long frames of a type were seen to wait or fail without a success."""
        idle = not _is_held(facts, task_type)
        mark = (idle, task_type.last_success_at)
        watched = self._types.get(task_type.name)
        if watched is None or watched.mark != mark or idle:
            self._types[task_type.name] = watched = _Watched(mark, now)
        return now - watched.since

    def _blind_sec(self, facts: Facts, now: float, limit: float) -> float:
        """For how long no scan has found frames, or the database has not answered."""
        scan = facts.known.duties.get("scan") if facts.known else None
        # What the first look shows is trusted as far as settling allows.
        earliest = self.started - (limit - min(self.timings.settling_sec, limit))
        if not facts.settings.ai_analysis.enable:
            # Scans are done, but look for nothing.
            self._sighted = earliest if self._sighted is None else self._sighted
        elif scan and not facts.failed("database") and scan.done_at != self._scanned_at:
            age = max(0.0, facts.now - scan.done_at) if self._scanned_at is None else 0.0
            self._sighted = max(now - age, earliest)
            self._scanned_at = scan.done_at
        return now - (self.started if self._sighted is None else self._sighted)


def _is_held(facts: Facts, task_type: TypeFacts) -> bool:
    """Whether there are frames of a type that a success is owed to."""
    return bool(task_type.waiting or task_type.leased) or facts.only_fails(task_type)


def _is_still(facts: Facts, task_type: TypeFacts, watched_sec: float, settling_sec: float) -> bool:
    if not _is_held(facts, task_type):
        return False
    limit = facts.settings.ai_analysis.stall_sec(task_type.name)
    if watched_sec >= limit:
        return True
    return watched_sec >= min(settling_sec, limit) and facts.is_stalled(task_type)
