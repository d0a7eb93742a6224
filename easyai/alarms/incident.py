"""Send people a single message for an outage of services, and another when it is over.

Services that die raise several alarms within a minute: they are offline, nothing takes their types,
inference stands still, the queue grows. Table, bus and log get every alarm. People get the most
comprehensive alarm, with the other alarms in the same message.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final

from easyai.alarms.absence import Absence
from easyai.alarms.grouping import Message, messages
from easyai.alarms.of_services import SERVICES_AWAY, served
from easyai.domain.alarm import AlarmKind, Change, Key, Notice
from easyai.domain.alarm_cause import cause_code
from easyai.domain.reason import Reason
from easyai.health.facts import Facts
from easyai.settings.schema import AiAnalysis

_LONGEST_HOLD_SEC: Final = 60.0  # no alarm waits for a standstill that is raised later
_GRACE_SEC: Final = 5.0  # beyond the time after which a standstill is raised
_TOGETHER_SEC: Final = 60.0  # alarms that end so soon after the leader end with it
#: The alarms of an outage, the most comprehensive first.
_RANK: Final = {
    AlarmKind.INFERENCE_STALLED: 0,
    AlarmKind.NO_ALGORITHM: 1,
    AlarmKind.SERVICE_OFFLINE: 2,
    AlarmKind.QUEUE_BACKLOG: 3,
}


class Incident:
    """What people know about an outage; `now` is the monotonic clock."""

    def __init__(self) -> None:
        self._members: set[Key] = set()  # the alarms that ring because services are away
        self._held: dict[Key, Notice] = {}  # not sent to people yet
        self._held_since = 0.0
        self._leader: Key | None = None  # it rings, and people were notified of it
        self._types: set[str] = set()  # types that people know to be without a service
        self._over_at = -_TOGETHER_SEC

    def sift(
        self, notices: Sequence[Notice], facts: Facts, absence: Absence | None, now: float
    ) -> list[Message]:
        """The messages to send to people now, from these notices and the notices held back."""
        free = [notice for notice in notices if not self._takes(notice, facts, now)]
        sifted = messages(free, facts, absence)
        if self._held and self._is_time(facts, now):
            sifted.append(self._combined(facts, absence))
        return sifted

    def _takes(self, notice: Notice, facts: Facts, now: float) -> bool:
        """Whether people get no separate message for this notice now."""
        key = (notice.kind, notice.subject)
        if notice.change == Change.RAISED:
            return self._joins(key, notice, facts, now)
        if key not in self._members or key == self._leader:
            if notice.change == Change.OVER and key == self._leader:
                self._members.discard(key)
                self._leader, self._over_at = None, now
                self._types.clear()
            return False
        if notice.change == Change.OVER:
            self._members.discard(key)
        elif key in self._held:
            self._held[key] = replace(notice, change=Change.RAISED)
        held = self._held.pop(key, None) if notice.change == Change.OVER else None
        with_it = now - self._over_at < _TOGETHER_SEC
        return key in self._held or held is not None or self._leader is not None or with_it

    def _joins(self, key: Key, notice: Notice, facts: Facts, now: float) -> bool:
        types = _without_service(notice, facts)
        if not types:
            return False
        self._members.add(key)
        rank, leader = _RANK[AlarmKind(notice.kind)], self._leader
        if leader and types <= self._types and rank >= _RANK[AlarmKind(leader[0])]:
            return True
        if not self._held:
            self._held_since = now
        self._held[key] = notice
        return True

    def _is_time(self, facts: Facts, now: float) -> bool:
        """Whether no more comprehensive alarm is to be expected."""
        kinds = {kind for kind, _ in self._held}
        types = {name for notice in self._held.values() for name in _types(notice, facts)}
        waits = any(
            task_type.waiting or task_type.leased
            for task_type in facts.types
            if task_type.name in types
        )
        # While other types are served, no standstill is raised for a type without a service:
        # no_algorithm is the most comprehensive alarm.
        is_widest = AlarmKind.NO_ALGORITHM in kinds and bool(served(facts))
        late = now - self._held_since >= _hold_sec(facts.settings.ai_analysis)
        return AlarmKind.INFERENCE_STALLED in kinds or is_widest or not waits or late

    def _combined(self, facts: Facts, absence: Absence | None) -> Message:
        notices = sorted(self._held.values(), key=lambda notice: _RANK[AlarmKind(notice.kind)])
        first, *others = messages(notices, facts, absence)
        self._leader = (notices[0].kind, notices[0].subject)
        self._types |= {name for notice in notices for name in _types(notice, facts)}
        self._held.clear()
        if not others:
            return first
        parts = (first.reason, *(message.reason for message in others))
        return replace(first, reason=Reason.of("lines", parts=parts))


def may_be_held_back(
    kind: str, notified_sec_ago: float, ringing: Collection[str], analysis: AiAnalysis
) -> bool:
    """Whether a watchdog that ended may have held an alarm back, and people do not know of it.

    `ringing`: the kinds of all alarms. People are notified of a standstill at once.
    """
    held = kind in _RANK and AlarmKind.INFERENCE_STALLED not in ringing
    return held and notified_sec_ago <= _hold_sec(analysis)


def _hold_sec(analysis: AiAnalysis) -> float:
    """For how long an alarm waits for a more comprehensive alarm."""
    stall_sec = analysis.stall_alarm_sec
    return stall_sec + _GRACE_SEC if stall_sec <= _LONGEST_HOLD_SEC else 0.0


def _without_service(notice: Notice, facts: Facts) -> set[str]:
    """The task types of an alarm that have no service; none if other services take their frames."""
    types = _types(notice, facts)
    if notice.kind == AlarmKind.INFERENCE_STALLED:
        return types  # its cause shows it, perhaps before the services count as offline
    return set() if types & served(facts) else types


def _types(notice: Notice, facts: Facts) -> set[str]:
    """The task types that an alarm concerns, if it rings because services are away."""
    kind, subject = notice.kind, notice.subject
    if kind == AlarmKind.SERVICE_OFFLINE:
        own = [service for service in facts.services if service.endpoint == subject]
        return {name for service in own for name in service.task_types}
    if kind not in _RANK or cause_code(notice.cause) not in SERVICES_AWAY:
        return set()
    if subject:
        return {subject}
    registered = {name for service in facts.services for name in service.task_types}
    waiting = {task_type.name for task_type in facts.types if task_type.waiting or task_type.leased}
    return waiting | (registered if kind == AlarmKind.NO_ALGORITHM else set())
