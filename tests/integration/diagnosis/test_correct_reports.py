"""Reports are correct: no cause from stale rows, and no contradicting causes."""

from __future__ import annotations

import re
import sqlite3
import time
from pathlib import Path

import pytest

from easyai import __version__
from easyai.db import engines
from easyai.db.events import Event
from easyai.diagnosis.causes.rank import rank
from easyai.diagnosis.contents import Status
from easyai.diagnosis.report.as_json import as_json
from easyai.diagnosis.report.as_markdown import markdown
from easyai.domain.reason import quoted
from easyai.messages.catalogue import text
from easyai.process.database_library import library
from easyai.process.presence import Presence
from easyai.tasks.sweep import sweep
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.lively import codes, happened, look, processes_work, silent_for, waits_since
from tests.support.site import TYPE, Installation


def test_stale_rows_of_a_locked_database_are_no_cause(
    migrated_file: Path, tmp_path: Path, living_links: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "easyai.db").write_bytes(migrated_file.read_bytes())
    site = Installation(tmp_path, f"sqlite:///{tmp_path / 'easyai.db'}", living_links)
    processes_work(site)
    # Nothing could be written for ten minutes: no beat, no scan, no sign of life.
    site.execute("UPDATE processes SET beat_at = beat_at - 600")
    site.execute("UPDATE process_leases SET expires_at = expires_at - 600, done_at = done_at - 600")
    monkeypatch.setattr(engines, "BUSY_TIMEOUT_SEC", 0.3)
    other = sqlite3.connect(tmp_path / "easyai.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        found = look(site)
    finally:
        other.close()
        site.close()
    assert codes(found) == ["database_down"]
    assert "stood still since" in text(found.symptom.lines[0])
    assert "for 10 min" in text(found.symptom.lines[0])
    assert "not counted yet" in text(found.symptom.lines[0])
    assert "数据库被锁定" in markdown(found, "zh")


def test_unanswered_calls_stop_inference_without_waiting_frames(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    site.register(algorithm)
    site.record(1)
    assert len(site.lease().frames) == 1
    site.execute("UPDATE frames SET leased_at = leased_at - 11 WHERE state = 'leased'")
    processes_work(site)
    first = look(site).causes[0]
    assert (first.code, first.weight >= 50) == ("inference_hangs", True)


def test_type_served_as_fast_as_frames_arrive_is_not_too_slow(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    site.register(algorithm)
    loop = site.loop()
    site.put_many(3)
    site.work(loop)
    site.execute("UPDATE task_types SET sampling_n = 4")  # from busier times
    processes_work(site)
    found = look(site)
    assert found.well, markdown(found)


def test_report_of_a_well_site_names_the_database_library(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    site.register(algorithm)
    processes_work(site)
    found = look(site)
    assert found.well, markdown(found)
    named = library(site.database_url)
    assert text(named.summary) in markdown(found)
    assert text(named.summary, "zh") in markdown(found, "zh")


def test_report_without_processes_names_since_when_and_the_orderly_stop(
    site: Installation,
) -> None:
    processes_work(site)
    at = time.time() - 300
    site.execute("DELETE FROM processes")
    site.execute("UPDATE process_leases SET expires_at = 0, done_at = :at", at=at)
    happened(site, Event(at, "process_stopped", "worker@host:1", quoted("ended in order")))
    found = look(site)
    assert found.symptom.status is Status.STALLED
    assert "for 5 min" in text(found.symptom.lines[0])
    (cause,) = rank(found.facts)
    assert cause.code == "worker_gone"
    assert "stopped in order at" in text(cause.evidence[0])
    assert "installed" not in markdown(found)


def test_parked_frames_do_not_fail_the_queue_check(site: Installation) -> None:
    site.configure(max_queue_size=10)
    site.put_many(20)
    site.scan()
    site.execute("UPDATE frames SET state = 'parked' WHERE task_type = :name", name=TYPE)
    processes_work(site)
    assert look(site).facts.checks["queue"].ok


def test_parked_frames_count_in_the_queue_check_while_a_backlog_alarm_rings(
    site: Installation,
) -> None:
    site.configure(max_queue_size=10)
    site.put_many(9)
    site.scan()
    site.execute("UPDATE frames SET state = 'parked' WHERE task_type = :name", name=TYPE)
    site.execute(
        "INSERT INTO alarms (kind, subject, cause, raised_at, told_at)"
        " VALUES ('queue_backlog', '', '', :at, :at)",
        at=time.time(),
    )
    processes_work(site)
    assert text(look(site).facts.failed("queue")) == "9 frames waiting, max_queue_size = 10"


def test_queue_check_counts_parked_frames_of_a_stalled_type(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    site.configure(stall_alarm_sec=20.0)
    site.register(algorithm)
    site.record(3)
    site.execute("UPDATE frames SET state = 'parked' WHERE id < (SELECT max(id) FROM frames)")
    waits_since(site, 60.0)
    processes_work(site)
    assert text(look(site).facts.failed("queue")).startswith("3 frames waiting and no frame of")


def test_report_of_a_well_site_mentions_that_no_service_ever_registered(site: Installation) -> None:
    processes_work(site)
    report = markdown(look(site), "zh")
    assert "从未有算法服务注册" in report
    assert f"监视。easyai {__version__}。数据库：" in report, "three sentences"
    assert "watchdog" in report
    assert "图片存储" in report


def test_alarm_is_a_single_short_line_of_the_timeline(site: Installation) -> None:
    at = time.time() - 60
    site.execute(
        "INSERT INTO alarms (kind, subject, cause, raised_at, told_at)"
        " VALUES ('inference_stalled', '', 'inference_hangs', :at, :at)",
        at=at,
    )
    happened(site, Event(at, "alarm_raised", "inference_stalled", quoted("a paragraph " * 30)))
    report = markdown(look(site), "en")
    assert "alarm: inference stalled (inference hung in the services)" in report
    assert "a paragraph" not in report


def test_chinese_report_has_no_english_reason_or_event(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    processes_work(site)
    api = Presence("api", lambda: site.runtime.db)
    api.start()
    api.close()
    site.register(algorithm)
    algorithm.answer = lambda frame: (500, b"")
    site.put_many(4)
    site.scan()
    site.loop().pump(TYPE, 1.0)
    algorithm.stop()
    for _ in range(2):
        silent_for(site, 600)
        sweep(site.runtime)
        site.execute("UPDATE services SET next_probe_at = 0")
    found = look(site)
    report, body = markdown(found, "zh"), as_json(found, "zh")
    assert [service["state_reason"] for service in body["services"]] == ["探测失败：连接被拒绝"]
    assert body["services"][0]["last_failure_reason"] == "HTTP 状态码 500"
    texts = {entry["kind"]: entry["text"] for entry in body["timeline"]}
    assert {"service_registered", "breaker_open", "service_offline"} <= {*texts}
    assert {"process_started", "process_stopped"} <= {*texts}
    for words in texts.values():
        assert words in report
        assert re.search("[\u4e00-\u9fff]", words), words
        assert not re.search("[a-z]{2,} [a-z]{2,}", words), words
    english = as_json(found)
    assert english["services"][0]["state_reason"] == "probe failed: Connection refused"


def test_chinese_timeline_shows_kind_subject_and_cause_of_an_alarm(site: Installation) -> None:
    at = time.time() - 60
    site.execute(
        "INSERT INTO alarms (kind, subject, cause, raised_at, told_at)"
        " VALUES ('inference_stalled', :name, 'inference_fails', :at, :at)",
        name=TYPE,
        at=at,
    )
    happened(
        site, Event(at, "alarm_raised", f"inference_stalled {TYPE}", quoted("it stands still"))
    )
    found = look(site)
    assert f": 推理停止 {TYPE}（算法服务的推理失败）\n" in markdown(found, "zh")
    (entry,) = as_json(found, "zh")["timeline"]
    assert (entry["text"], entry["code"]) == ("it stands still", "quoted"), "noted in English only"
