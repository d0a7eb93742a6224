"""System alarms: when the condition of an alarm has held long enough to raise or clear the alarm.

A condition raises its alarm after a grace; the alarm is cleared when the condition has been absent
for a hold. `Board` keeps the alarms that ring.

Durations are measured on a monotonic clock (`now`), because the wall clock may jump. `wall` is Unix
seconds and is only recorded.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, NamedTuple

from easyai.domain.reason import NO_REASON, Reason

#: A condition that was seen for less is not grouped with others of its kind. Two observations
#: take 3 s.
TOGETHER_SEC: Final = 3.0

Key = tuple[str, str]  # kind and subject
Ringing = Mapping[Key, Reason]  # alarms that ring, with the cause that was notified


class AlarmKind(StrEnum):
    """The kinds of alarm; the `task_type` of their alerts (contract, section 5)."""

    NO_ALGORITHM = "no_algorithm"
    INFERENCE_STALLED = "inference_stalled"
    QUEUE_BACKLOG = "queue_backlog"
    HIGH_DROP_RATE = "high_drop_rate"
    SLOW_INFERENCE = "slow_inference"
    SERVICE_OFFLINE = "service_offline"
    HEARTBEATS_MISSING = "heartbeats_missing"
    BUS_DOWN = "bus_down"
    STORE_DOWN = "store_down"
    DISK_LOW = "disk_low"
    CLOCK_JUMP = "clock_jump"
    CLOCK_OFF = "clock_off"
    SETTINGS_INVALID = "settings_invalid"
    DATA_MOVED = "data_moved"


class Change(StrEnum):
    """A change of an alarm of which people are notified."""

    RAISED = "raised"
    REPEATED = "repeated"  # it still holds
    EXPLAINED = "explained"  # its cause has become known or has changed
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that is wrong now."""

    kind: str
    subject: str  # '' where the kind is enough
    cause: Reason  # `found_cause`, or why a check or a service fails; none while unknown
    reason: Reason  # what is wrong, with its number, its cause, and what to do next
    grace_sec: float = 0.0  # it must hold for so long
    lasted_sec: float = 0.0  # for how long it is known to hold
    explains: bool = False  # people are notified when it gets another cause


@dataclass(frozen=True, slots=True)
class Notice:
    """A change of an alarm, as people are notified of it."""

    change: Change
    kind: str
    subject: str
    cause: Reason
    reason: Reason  # of the condition, when it was last seen
    began_at: float  # when the trouble began, before the first notice
    raised_at: float  # when people were first notified
    at: float  # of this notice
    lasted_sec: float  # duration of the trouble, so far or until its end
    seen: bool = True  # False: the trouble was over before the notifying watchdog started
    notified: bool = True  # False: a mute keeps the notice from people

    @property
    def ended_at(self) -> float:
        """When the trouble of an alarm that is over ended: a while before this notice."""
        return self.began_at + self.lasted_sec


@dataclass(slots=True)
class _Alarm:
    condition: Condition
    seen_since: float | None  # None: only another process has seen it
    holds_since: float  # may be earlier than seen_since
    clear_since: float | None = None
    raised_at: float | None = None  # wall; None: its grace is not over
    notified: float = 0.0
    notified_cause: Reason = NO_REASON  # also the cause in the notice of its end
    other_since: float | None = None  # since when the cause differs from notified_cause

    @property
    def continues(self) -> bool:
        return None not in (self.raised_at, self.seen_since) and self.clear_since is None


class Board:
    """Every condition that holds or whose alarm rings."""

    def __init__(self, *, clear_sec: float, cause_sec: float) -> None:
        """Seconds that a condition must be clear, and another cause must hold, before a notice."""
        self._clear_sec = clear_sec
        self._cause_sec = cause_sec
        self._alarms: dict[Key, _Alarm] = {}

    @property
    def ringing(self) -> Ringing:
        """The alarms that were raised and are not over, each with the cause that was notified."""
        return {
            key: alarm.notified_cause
            for key, alarm in self._alarms.items()
            if alarm.raised_at is not None
        }

    def continuing(self, now: float, wall: float) -> list[Notice]:
        """The alarms that ring and whose conditions hold, each as if it were raised now."""
        keys = [key for key, alarm in self._alarms.items() if alarm.continues]
        return [self._notice(Change.RAISED, key, now, wall) for key in keys]

    def adopt(
        self,
        condition: Condition,
        began_at: float,
        raised_at: float,
        notified_at: float,
        now: float,
        wall: float,
    ) -> None:
        """Continue an alarm that was raised by another process, or earlier by this process."""
        key = (condition.kind, condition.subject)
        alarm = self._alarms.setdefault(key, _Alarm(condition, None, now))
        if alarm.raised_at is not None and alarm.raised_at <= raised_at:
            return
        alarm.raised_at = raised_at
        alarm.holds_since = min(alarm.holds_since, now - max(0.0, wall - began_at))
        alarm.notified = now - max(0.0, wall - notified_at)
        alarm.notified_cause = condition.cause

    def clear(self) -> None:
        """Forget everything: another process notifies people from now on."""
        self._alarms.clear()

    def move(
        self,
        conditions: Iterable[Condition],
        judged: Collection[str],
        repeat_sec: float,
        now: float,
        wall: float,
    ) -> list[Notice]:
        """Take the conditions that hold now; returns the notices due, in the order of the alarms.

        `judged` are the kinds that could be judged: alarms of other kinds do not change.
        """
        holding = {
            (current.kind, current.subject): current
            for current in conditions
            if current.kind in judged
        }
        for key, condition in holding.items():
            begun = now - condition.lasted_sec
            alarm = self._alarms.setdefault(key, _Alarm(condition, now, begun))
            alarm.seen_since = now if alarm.seen_since is None else alarm.seen_since
            # A known cause stays known when it can no longer be seen.
            cause = condition.cause or alarm.condition.cause
            alarm.condition, alarm.clear_since = replace(condition, cause=cause), None
            if cause == alarm.notified_cause:
                alarm.other_since = None
            elif alarm.other_since is None:
                alarm.other_since = now
        clear = [key for key in self._alarms if key[0] in judged and key not in holding]
        for key in clear:
            if self._alarms[key].raised_at is None:
                del self._alarms[key]
            elif self._alarms[key].clear_since is None:
                self._alarms[key].clear_since = now
        return [
            *self._over(now, wall),
            *self._raise(now, wall),
            *self._explain(now, wall),
            *self._repeat(repeat_sec, now, wall),
        ]

    def _raise(self, now: float, wall: float) -> list[Notice]:
        due = _due(
            {
                key: _Hold(
                    now - waiting.holds_since - waiting.condition.grace_sec,
                    now - waiting.seen_since,
                )
                for key, waiting in self._alarms.items()
                if waiting.raised_at is None and waiting.seen_since is not None
            }
        )
        for key in due:
            self._alarms[key].raised_at = wall
        return self._notify(Change.RAISED, due, now, wall)

    def _over(self, now: float, wall: float) -> list[Notice]:
        due = _due(
            {
                key: _Hold(now - alarm.clear_since - self._clear_sec, now - alarm.clear_since)
                for key, alarm in self._alarms.items()
                if alarm.clear_since is not None
            }
        )
        notices = [self._notice(Change.OVER, key, now, wall) for key in due]
        for key in due:
            del self._alarms[key]
        return notices

    def _explain(self, now: float, wall: float) -> list[Notice]:
        due = [
            key for key, alarm in self._alarms.items() if _is_explained(alarm, now, self._cause_sec)
        ]
        return self._notify(Change.EXPLAINED, due, now, wall)

    def _notify(self, change: Change, due: Sequence[Key], now: float, wall: float) -> list[Notice]:
        for key in due:
            alarm = self._alarms[key]
            alarm.notified, alarm.other_since = now, None
            alarm.notified_cause = alarm.condition.cause
        return [self._notice(change, key, now, wall) for key in due]

    def _repeat(self, repeat_sec: float, now: float, wall: float) -> list[Notice]:
        due = [
            key
            for key, alarm in self._alarms.items()
            if alarm.continues and now - alarm.notified >= repeat_sec
        ]
        return self._notify(Change.REPEATED, due, now, wall)

    def _notice(self, change: Change, key: Key, now: float, wall: float) -> Notice:
        alarm = self._alarms[key]
        condition = alarm.condition
        raised_at = wall if alarm.raised_at is None else alarm.raised_at
        # The duration ends when the condition cleared, not when the hold was over.
        until = alarm.clear_since if change == Change.OVER and alarm.clear_since else now
        lasted_sec = max(0.0, until - alarm.holds_since)
        began_at = wall - (now - alarm.holds_since)
        # Towards the end other causes may show for a moment: report the notified cause.
        cause = alarm.notified_cause or condition.cause
        reason, seen = condition.reason, alarm.seen_since is not None
        return Notice(change, *key, cause, reason, began_at, raised_at, wall, lasted_sec, seen)


class _Hold(NamedTuple):
    """How long an alarm has held; people are notified once that is long enough."""

    over_sec: float  # time since the notice became due; below 0: not due yet
    seen_sec: float

    @property
    def is_ripe(self) -> bool:
        return self.over_sec >= 0

    @property
    def is_new(self) -> bool:
        return self.seen_sec < TOGETHER_SEC


def _due(holds: Mapping[Key, _Hold]) -> list[Key]:
    """The alarms to notify now: a ripe alarm takes the others of its kind along.

    So twelve services make a single message. A ripe alarm waits up to TOGETHER_SEC for alarms of
    its kind that are still too new.
    """
    by_kind: dict[str, list[_Hold]] = {}
    for (kind, _), hold in holds.items():
        by_kind.setdefault(kind, []).append(hold)
    go = {kind for kind, own in by_kind.items() if _go(own)}
    return [
        key for key, hold in holds.items() if key[0] in go and (hold.is_ripe or not hold.is_new)
    ]


def _go(own: Sequence[_Hold]) -> bool:
    ripe_sec = max(hold.over_sec for hold in own)
    waits = any(hold.is_new and not hold.is_ripe for hold in own)
    return ripe_sec >= (TOGETHER_SEC if waits else 0.0)


def _is_explained(alarm: _Alarm, now: float, cause_sec: float) -> bool:
    """Whether an alarm that rings now has a cause that was not notified yet."""
    if alarm.raised_at is None or alarm.clear_since is not None or alarm.other_since is None:
        return False
    if not alarm.notified_cause:
        return True
    return alarm.condition.explains and now - alarm.other_since >= cause_sec
