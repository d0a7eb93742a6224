"""The alarm board: raised after a grace, notified once, repeated seldom, over after a hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from easyai.domain.alarm import TOGETHER_SEC, Board, Change, Condition, Notice
from easyai.domain.reason import NO_REASON, quoted

KINDS = ("bus_down", "service_offline")
REPEAT_SEC = 3600.0
CLEAR_SEC = 5.0
CAUSE_SEC = 10.0


REFUSED, FULL = quoted("refused"), quoted("full")


def _condition(kind: str = "bus_down", subject: str = "", grace_sec: float = 0.0) -> Condition:
    return Condition(kind, subject, REFUSED, quoted("it is down"), grace_sec)


class Desk:
    """A board and its clock; the wall clock is 1000 ahead."""

    def __init__(self) -> None:
        self.board = Board(clear_sec=CLEAR_SEC, cause_sec=CAUSE_SEC)
        self.now = 0.0

    def after(self, seconds: float, *holding: Condition, judged: Sequence[str] = KINDS) -> str:
        """Let time pass and move the board; return its notices in short form."""
        return " ".join(
            f"{notice.change}:{notice.subject or notice.kind}"
            for notice in self.notices(seconds, *holding, judged=judged)
        )

    def notices(
        self, seconds: float, *holding: Condition, judged: Sequence[str] = KINDS
    ) -> list[Notice]:
        """As `after`, with all there is."""
        self.now += seconds
        return self.board.move(holding, judged, REPEAT_SEC, self.now, self.now + 1000)


def test_an_alarm_is_raised_once_its_grace_is_over_and_only_once() -> None:
    desk = Desk()
    held = _condition(grace_sec=10)
    assert desk.after(0, held) == ""
    assert desk.after(9.9, held) == ""
    assert desk.after(0.1, held) == "raised:bus_down"
    assert desk.after(60, held) == ""


def test_duration_of_an_alarm_is_that_of_the_trouble_not_of_its_notices() -> None:
    desk = Desk()
    desk.now = 100.0
    held = replace(_condition(grace_sec=10), lasted_sec=25.0)
    (raised,) = desk.notices(0, held)
    assert (raised.began_at, raised.raised_at, raised.lasted_sec) == (1075.0, 1100.0, 25.0)
    desk.after(20, held)
    assert desk.after(3) == "", "it must be clear for a while"
    (over,) = desk.notices(CLEAR_SEC)
    assert over.at == 1100.0 + 20 + 3 + CLEAR_SEC
    assert (over.began_at, over.raised_at) == (1075.0, 1100.0)
    assert (over.ended_at, over.lasted_sec) == (1123.0, 48.0)


def test_cause_found_later_is_notified_at_once_and_only_once() -> None:
    desk = Desk()
    known = replace(_condition(), explains=True)
    unknown = replace(known, cause=NO_REASON)
    assert desk.after(0, unknown) == "raised:bus_down"
    assert desk.after(2, unknown) == ""
    (notice,) = desk.notices(2, known)
    assert (notice.change, notice.cause) == (Change.EXPLAINED, REFUSED)
    assert desk.after(2, known) == ""
    assert desk.after(2, unknown) == ""
    assert desk.after(2, known) == ""


def test_changed_cause_is_notified_once_it_lasts_and_the_end_names_it() -> None:
    desk = Desk()
    first = replace(_condition(), explains=True)
    other = replace(first, cause=FULL)
    assert desk.after(0, first) == "raised:bus_down"
    assert desk.after(2, other) == ""
    assert desk.after(8, other) == ""
    (notice,) = desk.notices(3, other)
    assert (notice.change, notice.cause) == (Change.EXPLAINED, FULL)
    assert desk.after(4, replace(first, cause=quoted("a flicker"))) == "", "at its end"
    assert desk.after(1) == ""
    (over,) = desk.notices(6)
    assert (over.change, over.cause) == (Change.OVER, FULL)


def test_condition_that_clears_within_its_grace_is_never_notified() -> None:
    desk = Desk()
    held = _condition(grace_sec=10)
    assert [desk.after(8, held), desk.after(1), desk.after(1, held), desk.after(9, held)] == [
        ""
    ] * 4


def test_alarm_ends_after_the_hold_with_the_duration_of_the_condition() -> None:
    desk = Desk()
    desk.after(0, _condition())
    desk.after(60, _condition())
    assert desk.after(1) == ""
    (notice,) = desk.notices(CLEAR_SEC)
    assert (notice.change, notice.lasted_sec, notice.cause) == (Change.OVER, 61.0, REFUSED)
    assert desk.after(60) == ""
    assert desk.board.ringing == {}


def test_flickering_condition_raises_a_single_alarm() -> None:
    desk = Desk()
    notices = [desk.after(2, *([_condition()] if number % 2 else [])) for number in range(60)]
    assert "".join(notices) == "raised:bus_down"


def test_an_alarm_that_holds_is_repeated_every_hour() -> None:
    desk = Desk()
    notices = [desk.after(60, _condition()) for _ in range(2 * 60 + 2)]
    assert [word for word in notices if word] == ["raised:bus_down", *["repeated:bus_down"] * 2]


def test_condition_that_cannot_be_judged_keeps_its_state() -> None:
    desk = Desk()
    desk.after(0, _condition())
    assert desk.after(7200, judged=["service_offline"]) == "repeated:bus_down"
    assert desk.board.ringing == {("bus_down", ""): REFUSED}, "with what people know of it"


def test_services_failing_within_the_grace_are_notified_in_the_same_round() -> None:
    desk = Desk()
    names = [f"http://127.0.0.1:79{number:02}/" for number in range(12)]
    services = [_condition("service_offline", name, grace_sec=4) for name in names]
    assert desk.after(0, *services[:5]) == ""
    assert desk.after(2, *services) == ""
    assert desk.after(2, *services) == "", "those seen last have not been seen for long"
    assert len(desk.notices(1, *services)) == 12
    assert desk.after(2, *services[:5]) == ""
    assert desk.after(3) == ""
    over = desk.notices(CLEAR_SEC - 3 + TOGETHER_SEC)
    assert [notice.change for notice in over] == [Change.OVER] * 12


def test_momentary_condition_is_not_notified_with_others_of_its_kind() -> None:
    desk = Desk()
    lasting, moment = (_condition("service_offline", name, grace_sec=4) for name in "ab")
    assert desk.after(0, lasting) == ""
    assert desk.after(4, lasting, moment) == "", "it waits for further alarms of the same round"
    assert desk.after(1, lasting) == "raised:a"
    assert desk.after(60, lasting) == ""


def test_flickering_condition_does_not_delay_a_lasting_condition() -> None:
    desk = Desk()
    lasting, flicker = (_condition("service_offline", name, grace_sec=4) for name in "ab")
    notices = [desk.after(1, lasting, *([flicker] if number % 2 else [])) for number in range(12)]
    assert [word for word in notices if word] == ["raised:a"]
    assert notices.index("raised:a") <= 4 + TOGETHER_SEC


def test_alarm_clear_for_a_moment_does_not_end_with_others_of_its_kind() -> None:
    desk = Desk()
    ends, goes_on = (_condition("service_offline", name) for name in "ab")
    assert desk.after(0, ends, goes_on) == "raised:a raised:b"
    assert desk.after(1, goes_on) == ""
    assert desk.after(CLEAR_SEC) == "", "it waits: another may be over, too"
    assert desk.after(1, goes_on) == "over:a"
    assert set(desk.board.ringing) == {("service_offline", "b")}


def test_alarm_raised_by_another_process_is_not_raised_again_and_its_end_is_notified() -> None:
    desk = Desk()
    desk.now = 100.0
    moments = {"began_at": 1020.0, "raised_at": 1040.0, "notified_at": 1050.0}
    desk.board.adopt(_condition(), **moments, now=100.0, wall=1100.0)
    assert desk.after(1, _condition()) == ""
    desk.after(1)
    (notice,) = desk.notices(CLEAR_SEC)
    assert (notice.change, notice.raised_at) == (Change.OVER, 1040.0)
    assert (notice.began_at, notice.ended_at, notice.lasted_sec) == (1020.0, 1102.0, 82.0)


def test_repeat_of_an_adopted_alarm_counts_from_its_last_notice() -> None:
    desk = Desk()
    moments = {"began_at": 0.0, "raised_at": 0.0, "notified_at": 1000.0 - 3590}
    desk.board.adopt(_condition(), **moments, now=0.0, wall=1000.0)
    assert desk.after(9, _condition()) == ""
    assert desk.after(1, _condition()) == "repeated:bus_down"


def test_adopted_alarm_never_seen_to_hold_ends_as_unseen() -> None:
    desk = Desk()
    desk.now = 10_000.0
    moments = {"began_at": 1000.0, "raised_at": 1000.0, "notified_at": 1000.0}
    desk.board.adopt(_condition(), **moments, now=10_000.0, wall=11_000.0)
    assert desk.after(1, judged=()) == "", "nothing is known yet"
    assert desk.after(1) == ""
    (over,) = desk.notices(CLEAR_SEC)
    assert (over.change, over.seen) == (Change.OVER, False)


@given(
    st.lists(
        st.tuples(st.floats(0.1, 20), st.booleans(), st.booleans(), st.booleans()), max_size=80
    )
)
def test_raised_and_over_notices_alternate_in_any_sequence(
    steps: list[tuple[float, bool, bool, bool]],
) -> None:
    desk = Desk()
    by_alarm: dict[tuple[str, str], list[Change]] = {}
    for seconds, bus, service, judged in steps:
        holding = [_condition(grace_sec=3)] * bus + [
            _condition("service_offline", "a", grace_sec=5)
        ] * service
        for notice in desk.notices(seconds, *holding, judged=KINDS if judged else ()):
            by_alarm.setdefault((notice.kind, notice.subject), []).append(notice.change)
    for key, changes in by_alarm.items():
        firsts = [change for change in changes if change != Change.REPEATED]
        assert firsts == [Change.RAISED, Change.OVER] * (len(firsts) // 2) + [Change.RAISED] * (
            len(firsts) % 2
        )
        assert (key in desk.board.ringing) == (firsts[-1] == Change.RAISED)
