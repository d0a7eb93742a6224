"""Task types whose frames all end failed.

Failed frames are settled and kept, so no frame of such a type waits. A camera that delivers a frame
a minute leaves no frame waiting in between, so waiting frames cannot reveal this standstill.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from easyai.db.diagnosis_facts import MOST_FAILED
from easyai.domain.alarm import AlarmKind
from easyai.domain.alarm_cause import cause_code
from easyai.domain.reason import Reason
from easyai.health.snapshot import HOUR_SEC, AlarmFacts, TypeFacts

FEWEST: Final = 3  # frames; fewer failures are broken pictures, not a standstill
# While other frames of the type succeed now and then, a few broken pictures are not a standstill.
_TIMES_APART: Final = 3
_LONGEST_SEC: Final = 900.0
# So many failures, over longer than the usual time between successes, are not broken pictures.
_MANY: Final = 10
_MANY_SEC: Final = 30.0
#: The causes of such a standstill.
CAUSES: Final = frozenset({"inference_fails", "pictures_unreachable"})


def only_fails(
    task_type: TypeFacts, alarms: Iterable[AlarmFacts], now: float, any_success_at: float
) -> bool:
    """Whether frames of a type have failed within the hour and a success is overdue.

    A standstill with an alarm goes on until the type has no failed frames any more.
    `any_success_at` is when a frame of any type last succeeded.
    """
    failures = task_type.failures
    if not failures.count or now - failures.newest_at > HOUR_SEC:
        return False
    rung = any(_rings_for_failures(alarm, task_type, any_success_at) for alarm in alarms)
    if failures.count < FEWEST and not rung:
        return False
    lasted_sec = failures.newest_at - failures.first_at
    in_a_row = failures.count >= _MANY and lasted_sec >= task_type.apart_sec
    longest_sec = _MANY_SEC if in_a_row else _LONGEST_SEC
    overdue_sec = min(_TIMES_APART * task_type.apart_sec, longest_sec)
    return now - task_type.last_success_at >= overdue_sec


def rings(alarm: AlarmFacts, task_type: TypeFacts) -> bool:
    """Whether a standstill alarm covers this type, and none of its frames has succeeded since."""
    return (
        alarm.kind == AlarmKind.INFERENCE_STALLED
        and alarm.over_at is None
        and alarm.subject in ("", task_type.name)
        and alarm.raised_at > task_type.last_success_at
    )


def failed_frames(some: Iterable[TypeFacts]) -> Reason:
    """How many frames of these types have failed since the last success."""
    counts = [task_type.failures.count for task_type in some]
    if any(count >= MOST_FAILED for count in counts):
        return Reason.of("frames.at_least", n=sum(counts))
    return Reason.of("frames", n=sum(counts))


def _rings_for_failures(alarm: AlarmFacts, task_type: TypeFacts, any_success_at: float) -> bool:
    """Whether an alarm rings because frames of this type fail, and for no other reason.

    An alarm for all types covers only the types that had failed frames when the alarm was raised.
    It covers no type once any type succeeds: else a broken picture would keep it ringing.
    """
    if cause_code(alarm.cause) not in CAUSES or not rings(alarm, task_type):
        return False
    if alarm.subject:
        return True
    return task_type.failures.first_at <= alarm.raised_at and any_success_at < alarm.raised_at
