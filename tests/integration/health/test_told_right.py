"""What is told is what is so: no cause from stale rows, none that contradicts another."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import pytest

from easyai.db import session
from easyai.db.events import Event
from easyai.health.causes.rank import rank
from easyai.health.diagnosis import Status
from easyai.health.report.as_markdown import markdown
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.lively import codes, happened, look, processes_work
from tests.support.site import TYPE, Installation


def test_of_a_locked_database_no_stale_row_is_taken_for_a_cause(
    migrated_file: Path, tmp_path: Path, living_links: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "easyai.db").write_bytes(migrated_file.read_bytes())
    site = Installation(tmp_path, f"sqlite:///{tmp_path / 'easyai.db'}", living_links)
    processes_work(site)
    # Nothing could be written for ten minutes: no beat, no scan, no sign of life.
    site.execute("UPDATE processes SET beat_at = beat_at - 600")
    site.execute("UPDATE process_leases SET expires_at = expires_at - 600, done_at = done_at - 600")
    monkeypatch.setattr(session, "BUSY_TIMEOUT_SEC", 0.3)
    other = sqlite3.connect(tmp_path / "easyai.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        found = look(site)
    finally:
        other.close()
        site.close()
    assert codes(found) == ["database_down"]
    assert "stood still since" in found.symptom.lines[0].en
    assert "for 10 min" in found.symptom.lines[0].en
    assert "not counted yet" in found.symptom.lines[0].en
    assert "数据库被锁定" in markdown(found, "zh")


def test_calls_that_are_out_without_an_answer_stop_inference_though_none_waits(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    site.register(algorithm)
    site.record(1)
    assert len(site.lease().frames) == 1
    site.execute("UPDATE frames SET leased_at = leased_at - 11 WHERE state = 'leased'")
    processes_work(site)
    first = look(site).causes[0]
    assert (first.code, first.weight >= 50) == ("inference_hangs", True)


def test_a_type_that_is_served_as_fast_as_it_arrives_is_not_too_slow(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    site.register(algorithm)
    loop = site.loop()
    site.put_many(3)
    site.work(loop)
    site.execute("UPDATE task_types SET sampling_n = 4")  # of busier times
    processes_work(site)
    found = look(site)
    assert found.well, markdown(found)


def test_without_any_process_the_report_says_since_when_and_which_ended_in_order(
    site: Installation,
) -> None:
    processes_work(site)
    at = time.time() - 300
    site.execute("DELETE FROM processes")
    site.execute("UPDATE process_leases SET expires_at = 0, done_at = :at", at=at)
    happened(site, Event(at, "process_stopped", "worker@host:1", "ended in order"))
    found = look(site)
    assert found.symptom.status is Status.STALLED
    assert "for 5 min" in found.symptom.lines[0].en
    causes = {cause.code: cause for cause in rank(found.facts)}
    assert "stopped in order at" in causes["worker_gone"].evidence[0].en
    assert causes["watchdog_gone"].weight < 50
    assert "installed" not in markdown(found)


def test_parked_frames_are_no_backlog(site: Installation) -> None:
    site.configure(max_queue_size=10)
    site.put_many(20)
    site.scan()
    site.execute("UPDATE frames SET state = 'parked' WHERE task_type = :name", name=TYPE)
    processes_work(site)
    assert look(site).facts.checks["queue"].ok


def test_all_is_well_says_that_nobody_has_ever_registered(site: Installation) -> None:
    processes_work(site)
    report = markdown(look(site), "zh")
    assert "从未有算法服务注册" in report
    assert "watchdog" in report
    assert "图片存储" in report


def test_an_alarm_is_one_short_line_of_the_timeline(site: Installation) -> None:
    at = time.time() - 60
    site.execute(
        "INSERT INTO alarms (kind, subject, cause, raised_at, told_at)"
        " VALUES ('inference_stalled', '', 'inference_hangs', :at, :at)",
        at=at,
    )
    happened(site, Event(at, "alarm_raised", "inference_stalled", "a paragraph " * 30))
    report = markdown(look(site), "en")
    assert "alarm: inference stalled (inference hung in the services)" in report
    assert "a paragraph" not in report
