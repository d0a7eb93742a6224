"""Switched-off inference raises an alarm with that cause."""

from __future__ import annotations

import time

import pytest

from easyai.diagnosis.contents import Status
from easyai.diagnosis.report.as_markdown import markdown
from easyai.messages.catalogue import text
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.lively import codes, look, processes_work, waits_since
from tests.support.scan_traces import Scans
from tests.support.site import Installation
from tests.support.watchdogs import Watchdogs

pytestmark = pytest.mark.sqlite_only

STALL_SEC = 1.5


@pytest.mark.parametrize("waiting", [3, 0])
def test_disabled_inference_raises_a_stall_alarm_with_that_cause(
    site: Installation, watchdogs: Watchdogs, scans: Scans, algorithm: AlgorithmStub, waiting: int
) -> None:
    site.configure(stall_alarm_sec=STALL_SEC, frame_stable_sec=0.2)
    site.register(algorithm)
    watchdogs.start()
    watchdogs.rounds(20)
    assert watchdogs.kinds() == []

    site.configure(stall_alarm_sec=STALL_SEC, frame_stable_sec=0.2, enable=False)
    began = time.monotonic()
    site.record(waiting)
    ((_, message),) = watchdogs.wait_for("inference_stalled")
    assert time.monotonic() - began > STALL_SEC * 0.6
    assert "Inference is switched off: ai_analysis.enable is false" in message
    assert "推理被关闭：ai_analysis.enable 为 false" in message
    assert "Set enable = true in [ai_analysis]" in message
    (alarm,) = watchdogs.alarms()
    assert (alarm["subject"], alarm["cause"]) == ("", "disabled")
    watchdogs.rounds(12)
    assert watchdogs.kinds() == ["inference_stalled"], "it does not flap while scans are done"

    site.configure(stall_alarm_sec=STALL_SEC, frame_stable_sec=0.2)
    site.put_many(1)
    site.execute("DELETE FROM frames")  # recorded without a picture
    site.work(site.loop())
    over = watchdogs.wait_for("inference_stalled", "recovered")[-1][1]
    assert "the cause was: inference was switched off (disabled)" in over


def test_restarted_watchdog_keeps_the_alarm_of_disabled_inference(
    site: Installation, watchdogs: Watchdogs, scans: Scans
) -> None:
    site.configure(stall_alarm_sec=STALL_SEC, enable=False)
    first = watchdogs.start()
    watchdogs.wait_for("inference_stalled")
    watchdogs.stop(first)
    watchdogs.start()
    watchdogs.rounds(20)
    assert watchdogs.kinds() == ["inference_stalled"]


def test_diagnosis_names_disabled_inference_first_with_the_waiting_frames(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    site.register(algorithm)
    processes_work(site)
    site.record(3)
    waits_since(site, 600)
    site.configure(enable=False)
    found = look(site)
    assert found.symptom.status is Status.STALLED
    assert "for 10 min: 3 frames waiting and none succeeds" in text(found.symptom.lines[0])
    assert codes(found)[0] == "disabled"
    assert "Frames found before that still wait: 3 frames" in text(found.causes[0].evidence[0])
    assert "config check" in found.causes[0].remedies[0].command


def test_disabled_inference_without_waiting_frames_has_no_begin(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    site.register(algorithm)
    site.configure(enable=False)
    processes_work(site)
    found = look(site)
    assert (found.symptom.status, found.symptom.since) == (Status.STALLED, 0.0)
    assert codes(found) == ["disabled"]
    assert "stood still since" not in markdown(found)
    assert "推理已被关闭" in markdown(found, "zh")
