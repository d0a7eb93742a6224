"""Parts of messages."""

from __future__ import annotations

import pytest

from easyai.db.events import Event
from easyai.health.report.markdown import table, width
from easyai.health.timeline import collapsed
from easyai.health.wording import names, span


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
def test_names_are_short_and_runs_are_one(values: list[str], shown: str) -> None:
    assert names(values) == shown


def test_durations() -> None:
    assert [span(seconds).en for seconds in (-1, 30, 300, 4 * 3600, 5 * 86_400)] == [
        "0 s",
        "30 s",
        "5 min",
        "4 h",
        "5 days",
    ]
    assert span(4 * 3600).zh == "4 小时"


def test_tables_are_aligned_with_wide_characters_and_hold_every_cell() -> None:
    lines = table(("类型", "n"), [("人数统计", "1"), ("a|b\n", "")])
    assert len({width(line) for line in lines[:3]}) == 1
    assert lines[3].startswith("| a\\|b")


def test_many_equal_events_are_one_line_and_later_ones_another() -> None:
    def lapse(number: int, at: float) -> Event:
        text = f"service_id=yolo_{number}: no heartbeat for {60 + number} s"
        return Event(at, "service_suspect", f"http://h:{number}/", text)

    burst = [lapse(number, 1000.0 + number) for number in range(12)]
    later = [lapse(0, 2000.0)]
    other = [Event(1005.0, "process_started", "beat@h:1", "started")]
    entries = collapsed(sorted([*burst, *later, *other], key=lambda event: event.at))
    assert [(one.kind, one.count) for one in entries] == [
        ("service_suspect", 12),
        ("process_started", 1),
        ("service_suspect", 1),
    ]
    assert entries[0].subjects[0] == "yolo_0"
    assert (entries[0].at, entries[0].until) == (1000.0, 1011.0)
