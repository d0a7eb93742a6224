"""People are notified of a muted alarm as soon as no mute covers the alarm any more."""

from __future__ import annotations

from dataclasses import replace

from easyai.alarms.inference_progress import Standstill
from easyai.alarms.muting import Muting, Types, types_by_kind
from easyai.domain.alarm import AlarmKind, Change, Notice
from easyai.domain.mute import Mute, Scope
from easyai.domain.reason import NO_REASON
from easyai.health.facts import Facts
from easyai.settings.schema import Settings

NOW = 1000.0
KIND = AlarmKind.INFERENCE_STALLED
RAISED = Notice(Change.RAISED, KIND, "", NO_REASON, NO_REASON, 900.0, 950.0, NOW, 100.0)
REPEATED, OVER = replace(RAISED, change=Change.REPEATED), replace(RAISED, change=Change.OVER)
OF_KIND = Mute(Scope.KIND, KIND, NOW + 60, "li", NOW)
OF_TYPE = Mute(Scope.TASK_TYPE, "a", NOW + 60, "li", NOW)
OF_A: Types = {KIND: {"a"}}


def _notified(muting: Muting, notice: Notice, *mutes: Mute) -> bool:
    (marked,) = muting.marked([notice], mutes, OF_A, NOW)
    return marked.notified


def _released(muting: Muting, *mutes: Mute, types: Types = OF_A, now: float = NOW) -> list[Change]:
    return [each.change for each in muting.released([RAISED], mutes, types, now)]


def test_continuing_alarm_is_released_once_when_its_mute_ends() -> None:
    muting = Muting()
    assert not _notified(muting, RAISED, OF_KIND)
    assert not _notified(muting, REPEATED, OF_KIND)
    assert _released(muting, OF_KIND) == []
    assert _released(muting, OF_KIND, now=NOW + 60) == [Change.RAISED]
    assert _released(muting) == []
    assert _notified(muting, OVER)


def test_suppressed_repetition_of_a_known_alarm_is_released_as_a_repetition() -> None:
    muting = Muting()
    assert _notified(muting, RAISED)
    assert not _notified(muting, REPEATED, OF_KIND)
    assert _released(muting) == [Change.REPEATED]


def test_end_of_a_known_alarm_is_notified_although_its_repetition_was_suppressed() -> None:
    muting = Muting()
    assert _notified(muting, RAISED)
    assert not _notified(muting, REPEATED, OF_KIND)
    assert _notified(muting, OVER)


def test_end_is_kept_from_people_who_were_not_notified_of_the_alarm() -> None:
    muting = Muting()
    assert not _notified(muting, RAISED, OF_KIND)
    assert not _notified(muting, OVER)
    assert _notified(muting, RAISED)


def test_alarm_that_another_process_kept_from_people_is_released() -> None:
    muting = Muting()
    muting.keep((KIND, ""))
    assert _released(muting, OF_KIND) == []
    assert _released(muting) == [Change.RAISED]


def test_alarm_of_a_muted_type_is_released_when_another_type_stalls() -> None:
    muting = Muting()
    assert not _notified(muting, RAISED, OF_TYPE)
    assert _released(muting, OF_TYPE) == []
    assert _released(muting, OF_TYPE, types={KIND: {"a", "b"}}) == [Change.RAISED]


def test_alarm_of_a_muted_type_stays_kept_while_its_types_are_not_known() -> None:
    muting = Muting()
    assert not _notified(muting, RAISED, OF_TYPE)
    assert _released(muting, OF_TYPE, types={}) == []


def test_alarm_of_a_muted_type_is_released_when_nothing_is_known_of_any_type() -> None:
    muting = Muting()
    assert not _notified(muting, RAISED, OF_TYPE)
    blind = Standstill({"a": 60.0}, everything=True, blind_sec=60.0)
    types = types_by_kind(Facts(NOW, Settings(), {}), blind)
    assert _released(muting, OF_TYPE, types=types) == [Change.RAISED]
