"""Notification, list and report quote the same duration of an alarm."""

from __future__ import annotations

import re
import time

import pytest
from click.testing import CliRunner

from easyai.cli.main import cli
from easyai.diagnosis.contents import diagnose
from easyai.diagnosis.report.as_json import as_json
from easyai.diagnosis.report.as_markdown import markdown
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.scan_traces import Scans
from tests.support.site import TYPE, Installation
from tests.support.watchdogs import Watchdogs

WAITED_SEC = 100.0  # before the watchdog starts


def test_notice_list_and_report_quote_the_same_duration(
    site: Installation,
    watchdogs: Watchdogs,
    scans: Scans,
    algorithm: AlgorithmStub,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    site.configure(stall_alarm_sec=2.0)
    site.register(algorithm)
    site.put_many(3)
    site.scan()
    began_at = time.time() - WAITED_SEC
    site.execute("UPDATE frames SET found_at = :at, due_at = :at", at=began_at)
    watchdogs.start()
    ((_, raised),) = watchdogs.wait_for("inference_stalled")
    waited_sec = re.search(r"none succeeded for (\d+) s", raised)
    assert waited_sec is not None
    assert WAITED_SEC <= int(waited_sec[1]) < WAITED_SEC + 15
    (rings,) = watchdogs.alarms()
    assert abs(rings["began_at"] - began_at) < 2
    site.work(site.loop())
    over = watchdogs.wait_for("inference_stalled", "recovered")[-1][1]
    match = re.search(r"over after (\d+) s", over)
    assert match is not None, over
    lasted = f"{match[1]} s"

    (row,) = watchdogs.alarms()
    assert abs(row["began_at"] - began_at) < 2, "when frames had begun to wait"
    assert row["began_at"] + WAITED_SEC < row["raised_at"] < row["over_at"]
    assert f"{row['over_at'] - row['began_at']:.0f} s" == lasted
    (event,) = site.rows("SELECT * FROM events WHERE kind = 'alarm_over'")
    assert event["text"].startswith(f"over after {lasted}: inference_stalled")
    assert event["at"] >= row["over_at"]

    monkeypatch.setenv("EASYAI_CONFIG", str(site.config))
    listed = CliRunner().invoke(cli, ["alarms"]).stdout
    assert f"  {lasted}  " in listed
    diagnosis = diagnose(site.runtime, probes=False)
    assert f"({lasted}) inference stalled" in markdown(diagnosis)
    (recovered,) = as_json(diagnosis)["recovered"]
    assert recovered["lasted_sec"] == pytest.approx(row["over_at"] - row["began_at"], abs=0.06)
    assert (recovered["began_at"], recovered["over_at"]) == (row["began_at"], row["over_at"])
    assert "; notified at " in markdown(diagnosis)
    assert re.search(r"；\d\d:\d\d:\d\d 告警$", markdown(diagnosis, "zh"), re.MULTILINE)


def test_next_watchdog_keeps_the_begin_of_an_alarm(
    site: Installation, watchdogs: Watchdogs, scans: Scans, algorithm: AlgorithmStub
) -> None:
    """Even if the frames show nothing of it: no frame waits."""
    now = time.time()
    site.execute(
        "INSERT INTO alarms (kind, subject, cause, began_at, raised_at, told_at) VALUES "
        "('bus_down', '', 'refused', :began, :raised, :raised)",
        began=now - 500,
        raised=now - 470,
    )
    site.register(algorithm)
    watchdogs.start()
    message = watchdogs.wait_for("recovered")[-1][1]
    match = re.search(r"over after (\d+) min", message)
    assert match is not None, message
    (row,) = watchdogs.alarms()
    assert int(match[1]) == round((row["over_at"] - row["began_at"]) / 60)
    assert row["began_at"] == pytest.approx(now - 500, abs=1)
    assert row["raised_at"] == pytest.approx(now - 470, abs=0.001)


def test_report_counts_a_type_once_beside_an_alarm_of_all_types(
    site: Installation,
) -> None:
    now = time.time()
    for subject in ("", TYPE):
        site.execute(
            "INSERT INTO alarms (kind, subject, cause, began_at, raised_at, told_at, over_at)"
            " VALUES ('no_algorithm', :subject, 'services_died', :began, :raised, :raised, :over)",
            subject=subject,
            began=now - 50,
            raised=now - 40,
            over=now - 20,
        )
    report = markdown(diagnose(site.runtime, probes=False))
    assert f"no algorithm {TYPE}: services had died" in report
    assert "2 × no algorithm" not in report
