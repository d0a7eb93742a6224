"""Task types whose frames all end failed: each is settled and kept, so that none waits.

A camera that delivers a frame a minute leaves nothing waiting between its frames, so that waiting
frames tell nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from easyai.db.facts import MOST_FAILED
from easyai.domain.alarm import Kind
from easyai.domain.alarm_cause import cause_code
from easyai.domain.reason import Reason
from easyai.health.snapshot import HOUR_SEC, AlarmFacts, TypeFacts

FEWEST: Final = 3  # frames; fewer are broken pictures, no standstill
# Where others of the type succeed now and then, a few broken pictures in between are no standstill.
_TIMES_APART: Final = 3
_LONGEST_SEC: Final = 900.0
# So many, for longer than successes are apart, are no broken pictures.
_MANY: Final = 10
_MANY_SEC: Final = 30.0
#: The causes that such a standstill has.
CAUSES: Final = frozenset({"inference_fails", "pictures_unreachable"})


def only_fails(
    one: TypeFacts, alarms: Iterable[AlarmFacts], now: float, any_success_at: float
) -> bool:
    """Whether frames of a type have failed within the hour and a success is overdue.

    One that is told of goes on until none of its frames is failed any more. `any_success_at` is
    when a frame of any type succeeded last.
    """
    failures = one.failures
    if not failures.count or now - failures.newest_at > HOUR_SEC:
        return False
    if failures.count < FEWEST and not any(_tells(alarm, one, any_success_at) for alarm in alarms):
        return False
    lasted_sec = failures.newest_at - failures.first_at
    in_a_row = failures.count >= _MANY and lasted_sec >= one.apart_sec
    longest_sec = _MANY_SEC if in_a_row else _LONGEST_SEC
    overdue_sec = min(_TIMES_APART * one.apart_sec, longest_sec)
    return now - one.last_success_at >= overdue_sec


def rings(alarm: AlarmFacts, one: TypeFacts) -> bool:
    """Whether an alarm says that a type stands still, and nothing has succeeded since."""
    return (
        alarm.kind == Kind.INFERENCE_STALLED
        and alarm.over_at is None
        and alarm.subject in ("", one.name)
        and alarm.raised_at > one.last_success_at
    )


def failed_frames(some: Iterable[TypeFacts]) -> Reason:
    """How many frames of these types have failed since the last success."""
    counts = [task_type.failures.count for task_type in some]
    if any(count >= MOST_FAILED for count in counts):
        return Reason.of("frames.at_least", n=sum(counts))
    return Reason.of("frames", n=sum(counts))


def _tells(alarm: AlarmFacts, one: TypeFacts, any_success_at: float) -> bool:
    """Whether an alarm that rings is of this, and of no other reason to stand still.

    One of everything is of the types that had failed frames when it was raised, and of none once
    any type succeeds: else one broken picture would hold it.
    """
    if cause_code(alarm.cause) not in CAUSES or not rings(alarm, one):
        return False
    if alarm.subject:
        return True
    return one.failures.first_at <= alarm.raised_at and any_success_at < alarm.raised_at
