"""A line of the log is short, and begins with the words that operators search for."""

from __future__ import annotations

from easyai.alarms.grouping import Message
from easyai.domain.alarm import AlarmKind, Change
from easyai.domain.reason import quoted

BACKLOG = "inference backlog alert: 6000 frames wait, more than max_queue_size = 5000"


def _line(words: str) -> str:
    kind = AlarmKind.QUEUE_BACKLOG
    (line,) = Message(Change.RAISED, kind, kind, quoted(words), 0.0, "").log_lines
    return line


def test_short_alarm_is_logged_unchanged() -> None:
    assert _line(BACKLOG) == f"system alarm queue_backlog: {BACKLOG}"


def test_long_alarm_is_cut_and_names_the_command_with_the_full_text() -> None:
    line = _line(f"{BACKLOG}; " + "Add services of the busy types. " * 20)
    assert line.startswith(f"system alarm queue_backlog: {BACKLOG}")
    assert len(line) <= 130
    assert line.endswith("… (more: diagnose)")


def test_alarm_of_two_lines_is_logged_on_a_single_line() -> None:
    assert "\n" not in _line("one\ntwo")


def test_bar_in_quoted_service_text_starts_no_log_line() -> None:
    assert "loaded | out of memory" in _line("model not loaded | out of memory")


def test_each_alarm_of_a_message_has_its_own_log_line() -> None:
    kind, long = (
        AlarmKind.NO_ALGORITHM,
        "; its frames wait until a service of this type registers" * 4,
    )
    parts = tuple(quoted(f"no algorithm for task type: {name}{long}") for name in ("人脸", "车辆"))
    lines = Message(Change.RAISED, kind, kind, quoted(""), 0.0, "", parts=parts).log_lines
    assert [line[:50] for line in lines] == [
        f"system alarm no_algorithm: no algorithm for task type: {name}"[:50]
        for name in ("人脸", "车辆")
    ]
    assert all(len(line) <= 130 for line in lines)
