"""Parts of messages."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from easyai.db.events import Event
from easyai.db.service_events import of_service
from easyai.diagnosis.report.entries import event
from easyai.diagnosis.report.markdown import table, width
from easyai.diagnosis.timeline import collapsed
from easyai.domain.reason import Reason, quoted
from easyai.messages.catalogue import text
from easyai.messages.wording import counted, milliseconds, moment, names, size


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        (["yolo_7903", "yolo_7901", "yolo_7902"], "yolo_7901..7903"),
        (["a1", "a2", "b"], "a1, a2, b"),
        (["a1", "a2", "a3", "a5", "x"], "a1..3, a5, x"),
        (list("fedcba"), "a, b, c, d, … (+2)"),
        (["门口9", "门口10", "门口11"], "门口9..11"),
        ([], ""),
        (["evil\x1b[2J"], "evil�[2J"),
    ],
)
def test_names_are_shortened_and_runs_are_merged(values: list[str], shown: str) -> None:
    assert names(values) == shown


def _span(seconds: float) -> Reason:
    return Reason.of("span", sec=seconds)


def test_durations_are_worded_in_the_largest_fitting_unit() -> None:
    assert [text(_span(seconds)) for seconds in (-1, 30, 300, 4 * 3600, 5 * 86_400)] == [
        "0 s",
        "30 s",
        "5 min",
        "4 h",
        "5 days",
    ]
    assert text(_span(4 * 3600), "zh") == "4 小时"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-0.3, "-0.3 s"),
        (0.04, "+0 s"),
        (9.96, "+10 s"),
        (-119.0, "-119 s"),
        (125.0, "+2 min 5 s"),
        (180.4, "+3 min"),
        (-7260.0, "-2 h 1 min"),
        (3 * 86_400 + 3600.0, "+3 days 1 h"),
    ],
)
def test_jump_of_a_clock_is_shown_with_its_sign_in_two_units(seconds: float, shown: str) -> None:
    jumped = Reason.of("event.clock_jumped", jump_sec=seconds)
    assert text(jumped) == f"the clock of this machine jumped by {shown}"


def test_numbers_of_commands_have_their_noun_and_unit() -> None:
    assert [counted(n, "picture") for n in (0, 1, 2)] == ["0 pictures", "1 picture", "2 pictures"]
    assert [counted(n, "frame waits", "frames wait") for n in (1, 2)] == [
        "1 frame waits",
        "2 frames wait",
    ]
    assert [size(n) for n in (0, 999, 1e6, 2.5e12)] == ["0 B", "999 B", "1.0 MB", "2.5 TB"]
    assert [milliseconds(n) for n in (0, 3.24, 9.99, 12.6, 12_345)] == [
        "0 ms",
        "3.2 ms",
        "10 ms",
        "13 ms",
        "12345 ms",
    ]


def test_names_that_have_a_template_are_worded_in_a_list_of_the_language() -> None:
    reason = Reason.of("symptom.checks_pass", number=3, names=("disk", "of_tomorrow", "api"))
    assert text(reason) == "All 3 checks pass: disk space, of_tomorrow, API"
    assert text(reason, "zh") == "全部 3 项检查通过：磁盘空间、of_tomorrow、API"


def test_time_of_day_in_a_message_is_that_of_its_event() -> None:
    args = {"lasted_sec": 60, "count": None, "subjects": None, "cause": None, "kind": "bus_down"}
    reason = Reason.of("report.alarm", told_at=1_780_000_000.0, **args)
    assert moment(1_780_000_000.0).endswith(text(reason).rpartition(" notified at ")[2])
    assert re.search(r"notified at \d\d:\d\d:\d\d$", text(reason))


def test_tables_are_aligned_with_wide_characters_and_hold_every_cell() -> None:
    lines = table(("类型", "n"), [("人数统计", "1"), ("a|b\n", "")])
    assert len({width(line) for line in lines[:3]}) == 1
    assert lines[3].startswith("| a\\|b")


def test_equal_events_are_merged_and_later_events_get_their_own_line() -> None:
    def lapse(number: int, at: float) -> Event:
        reason = of_service(f"yolo_{number}", quoted(f"no heartbeat for {60 + number} s"))
        return Event(at, "service_suspect", f"http://h:{number}/", reason)

    burst = [lapse(number, 1000.0 + number) for number in range(12)]
    later = [lapse(0, 2000.0)]
    other = [Event(1005.0, "process_started", "beat@h:1", quoted("started"))]
    entries = collapsed(sorted([*burst, *later, *other], key=lambda event: event.at))
    assert [(entry.kind, entry.count) for entry in entries] == [
        ("service_suspect", 12),
        ("process_started", 1),
        ("service_suspect", 1),
    ]
    assert entries[0].subjects[0] == "yolo_0"
    assert (entries[0].at, entries[0].until) == (1000.0, 1011.0)


def test_equal_events_of_many_services_are_merged_without_service_ids() -> None:
    def lapse(number: int) -> Event:
        silence = Reason.of("silent", for_sec=60 + number, heard=quoted(f"port {number}"))
        reason = Reason.of("of_service", service_id=f"yolo_{number}", what=silence)
        return Event(1000.0 + number, "service_suspect", f"http://h:{number}/", reason)

    (entry,) = collapsed(map(lapse, range(12)))
    assert entry.subjects == [f"yolo_{number}" for number in range(12)]
    assert (entry.reason.get("for_sec"), entry.last.get("for_sec")) == (60, 71)
    other = Event(1003.0, "service_suspect", "http://h:3/", Reason.of("refused", for_sec=63))
    assert [entry.count for entry in collapsed([*map(lapse, range(3)), other])] == [3, 1]


def _breaker(kind: str, number: int, at: float) -> Event:
    reason = of_service(f"yolo_{number}", quoted(f"it answers again, after {at:.0f} s"))
    return Event(at, f"breaker_{kind}", f"http://h:{number}/", reason)


def test_events_in_between_keep_their_own_line() -> None:
    services = range(12)
    closed = [_breaker("closed", number, 1005.0 + number / 10) for number in services]
    opened = [_breaker("open", number, 1020.0 + number / 10) for number in services]
    again = [_breaker("closed", number, 1040.0 + number / 10) for number in services]
    entries = collapsed([*closed, *opened, *again])
    assert [(entry.kind, entry.count, int(entry.at)) for entry in entries] == [
        ("breaker_closed", 12, 1005),
        ("breaker_open", 12, 1020),
        ("breaker_closed", 12, 1040),
    ]


def test_repeated_event_of_a_subject_is_a_single_line() -> None:
    (entry,) = collapsed(_breaker("open", 7, 1000.0 + 5 * turn) for turn in range(5))
    assert (entry.count, entry.at, entry.until) == (5, 1000.0, 1020.0)


def test_a_line_of_many_shows_the_text_of_the_first_and_of_the_last() -> None:
    def parked(count: int, at: float) -> Event:
        return Event(at, "frames_parked", "人数统计", quoted(f"{count} frames parked: no service"))

    (two,) = collapsed([parked(5, 1000.0), parked(35, 1010.0)])
    assert text(event(two)) == "5 frames parked: no service … 35 frames parked: no service"
    (same,) = collapsed([parked(5, 1000.0), parked(35, 1005.0), parked(5, 1010.0)])
    assert text(event(same)) == "5 frames parked: no service"


def test_events_of_other_subjects_do_not_split_a_line() -> None:
    turns = [
        event
        for number in range(4)
        for event in (_breaker("open", number, 1e3 + number), _breaker("closed", number, 1e3 + 9))
    ]
    entries = collapsed(sorted(turns, key=lambda event: event.at))
    merged = [(entry.kind, entry.count) for entry in entries]
    assert merged == [("breaker_open", 4), ("breaker_closed", 4)]


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from("123"), st.sampled_from("xy")),
        max_size=40,
    )
)
def test_entries_keep_the_order_of_events_of_each_subject(
    happened: list[tuple[str, str, str]],
) -> None:
    ordered = [
        Event(1000.0 + 5 * number, kind, f"http://h:{who}/", of_service(who, quoted(text)))
        for number, (kind, who, text) in enumerate(happened)
    ]
    entries = collapsed(ordered)
    assert [entry.at for entry in entries] == sorted(entry.at for entry in entries)
    assert sum(entry.count for entry in entries) == len(ordered)
    for who in "123":
        kinds = [entry.kind for entry in entries for subject in entry.subjects if subject == who]
        assert kinds == [kind for kind, subject, _ in happened if subject == who]
