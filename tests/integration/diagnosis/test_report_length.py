"""A report lists the worst faults and a count of the rest, nothing else."""

from __future__ import annotations

import time

import pytest

from easyai.alarms.grouping import messages
from easyai.db import recorded_frames, task_types
from easyai.diagnosis.report.as_markdown import markdown
from easyai.diagnosis.report.as_short import short
from easyai.domain.alarm import AlarmKind, Change, Notice
from easyai.domain.alarm_cause import found_cause
from easyai.domain.reason import quoted
from easyai.messages.catalogue import text
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.lively import look, processes_work, waits_since
from tests.support.site import TYPE, Installation

pytestmark = pytest.mark.sqlite_only

MANY = 200


@pytest.fixture
def many(site: Installation, algorithm: AlgorithmStub) -> None:
    """200 types with waiting frames and no service, and a healthy type."""
    site.configure(stall_alarm_sec=20.0)
    site.register(algorithm)
    names, now = [f"类型{number:03}" for number in range(MANY)], time.time()
    new = [
        recorded_frames.NewFrame(
            key=f"{name}/门口1/{copy}.jpg",
            task_type=name,
            task_id="门口1",
            version="1",
            captured_at=now,
            stream=None,
        )
        for number, name in enumerate(names)
        for copy in range(2 if number == 7 else 1)
    ]
    with site.runtime.db.write() as conn:
        task_types.add(conn, names, now - 700)
        recorded_frames.add(conn, new, now - 600)
    processes_work(site)


def test_report_lists_the_worst_of_200_types_and_counts_the_rest(
    site: Installation, many: None
) -> None:
    report = markdown(look(site))
    rows = [line for line in report.splitlines() if line.startswith("| 类型")]
    assert len(rows) == 10
    assert rows[0].startswith("| 类型007"), "the most frames wait for it"
    assert "… and 190 further task types not well: 190 frames waiting, 0 failed" in report
    assert "likewise 195 further task types, 195 frames waiting" in report
    assert len(report.splitlines()) < 100
    assert "另有 190 个任务类型" in markdown(look(site), "zh")


def test_notification_of_200_types_without_a_service_is_a_single_sentence(
    site: Installation, many: None
) -> None:
    now, cause = time.time(), found_cause("no_service")
    facts = look(site).facts
    notices = [
        Notice(Change.RAISED, AlarmKind.NO_ALGORITHM, name, cause, quoted(name), now, now, now, 0.0)
        for name in sorted(task_type.name for task_type in facts.types if task_type.waiting)
    ]
    (message,) = messages(notices, facts)
    expected = "no algorithm for task type: 类型000..199 (200 types); 201 frames waiting until"
    assert text(message.reason).startswith(expected)
    assert "类型000..199（200 个类型）；201 张图片在等待" in text(message.reason, "zh")
    assert len(message.log_lines) == 1
    (few, *_) = messages(notices[:2], facts)
    assert text(few.reason) == "类型000 | 类型001", "of a few each says its own"


def test_report_leaves_out_healthy_types_and_checks(site: Installation, many: None) -> None:
    report = markdown(look(site))
    assert f"| {TYPE} " not in report
    assert "1 service is well" in report
    assert "| ok " not in report
    assert "checks pass" in report


def test_short_report_has_at_most_15_lines_and_names_the_full_report(
    site: Installation, many: None
) -> None:
    for language in ("en", "zh"):
        lines = short(look(site), language).splitlines()
        assert len(lines) <= 15
        end = "easyai diagnose" if language == "en" else "easyai diagnose --lang zh"
        assert lines[-1].replace("'", "").endswith(end), "in the language of this one"
    lines = short(look(site)).splitlines()
    assert lines[0].startswith("No service is registered for 类型000..199: 201 frames wait")
    assert lines[2].startswith("1. No service is registered")
    assert lines[3].startswith("   Start the services of these types")
    assert any(line.startswith("类型007: 2 frames waiting for up to 10 min") for line in lines)


def test_short_report_is_a_single_line_when_all_is_well(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    site.register(algorithm)
    processes_work(site)
    (line,) = short(look(site)).splitlines()
    assert line.startswith("All is well at")
    assert "1 of 1 service takes work, 0 frames waiting" in line


def test_type_with_a_growing_queue_has_a_row_in_the_report(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    site.configure(stall_alarm_sec=20.0)
    site.register(algorithm)
    site.put_many(2)
    site.work(site.loop())
    site.record(3)
    waits_since(site, 60.0)
    processes_work(site, ("api", "beat", "worker"))
    assert f"| {TYPE} " in markdown(look(site))
