"""Refusals are named at once, and no report is "well" while an alarm rings."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from easyai.db import alarms, statistics
from easyai.db.statistics import Tally
from easyai.diagnosis.contents import Status
from easyai.diagnosis.report.as_json import as_json
from easyai.diagnosis.report.as_markdown import markdown
from easyai.diagnosis.report.as_short import short
from easyai.domain.alarm_cause import found_cause
from easyai.domain.reason import NO_REASON
from easyai.messages.catalogue import text
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.lively import codes, look, processes_work
from tests.support.scan_traces import Scans
from tests.support.site import TYPE, Installation
from tests.support.waiting import wait_until
from tests.support.watchdogs import Watchdogs

pytestmark = pytest.mark.sqlite_only

REASON = "model not loaded"
REPAIRED = "HTTP status 500"


def _worked_until(site: Installation, age: float) -> None:
    """Frames succeeded every ten seconds until `age` ago, with a repaired fault of two minutes."""
    now = time.time()
    with site.runtime.db.write() as conn:
        for ago in (*range(0, 120, 10), *range(240, 480, 10)):
            statistics.add(
                conn, {TYPE: Tally(found=10, successes=10, processed=10)}, now - age - ago
            )
    site.execute(
        "UPDATE services SET last_failure_reason = :reason, last_failure_at = :at,"
        " last_success_at = :answered",
        reason=REPAIRED,
        at=now - age - 130,
        answered=now - age,
    )


def _pumps(site: Installation, done: Callable[[], bool]) -> None:
    loop = site.loop()

    def pumped() -> bool:
        loop.pump(TYPE, 0.2)
        return done()

    wait_until(pumped, 20, "the service has refused")


def _rings(site: Installation, kind: str, subject: str = "", cause: str = "") -> None:
    """Record an alarm raised seconds ago for a fault that began half a minute earlier."""
    now = time.time()
    with site.runtime.db.write() as conn:
        known = found_cause(cause) if cause else NO_REASON
        alarms.record_notification(conn, kind, subject, known, now - 35, now - 5, now - 5)


def test_first_alarm_quotes_the_refusal_of_the_service(
    site: Installation, watchdogs: Watchdogs, scans: Scans, algorithm: AlgorithmStub
) -> None:
    site.configure(stall_alarm_sec=2.0, max_attempts=100, frame_stable_sec=0.2)
    algorithm.answer = lambda frame: (200, {"success": False, "error": REASON})
    pk = site.register(algorithm)
    _worked_until(site, 25)
    site.put_many(3)
    site.scan()
    _pumps(site, lambda: algorithm.count >= 6)
    watchdogs.start()
    _pumps(site, lambda: bool(watchdogs.kinds()))

    ((_, message),) = watchdogs.wait_for("inference_stalled")
    assert f"3 frames of {TYPE} were refused and wait for another try: {REASON}" in message
    assert f"“{TYPE}”的 3 张图片被拒绝、等待重试，原因：{REASON}" in message
    assert "The cause is not known" not in message
    assert REPAIRED not in message
    (alarm,) = watchdogs.alarms()
    assert alarm["cause"] == "inference_fails"

    found = look(site)
    assert (found.symptom.status, codes(found)[0]) == (Status.STALLED, "inference_fails")
    evidence = "\n".join(text(line) for line in found.causes[0].evidence)
    assert REASON in evidence
    assert short(found).splitlines()[2].endswith(f": {REASON}"), "it has no line of evidence"
    assert REPAIRED not in evidence
    assert REPAIRED not in markdown(found)
    (service,) = as_json(found)["services"]
    (task_type,) = as_json(found)["task_types"]
    assert site.service(pk)["last_success_at"] > task_type["last_success_at"]
    assert service["last_success_at"] == task_type["last_success_at"], "a refusal is no success"


def test_refusals_before_the_last_success_are_no_cause(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    site.configure(max_attempts=100, frame_stable_sec=0.2)
    algorithm.answer = lambda frame: (200, {"success": False, "error": REASON})
    site.register(algorithm)
    processes_work(site)
    site.put_many(3)
    site.scan()
    _pumps(site, lambda: algorithm.count >= 3)
    # Both within the minute, and the last success is older than stall_alarm_sec.
    _worked_until(site, 25)
    site.configure(stall_alarm_sec=2.0)
    site.execute("UPDATE frames SET last_failure_at = last_failure_at - 45")
    (task_type,) = look(site).facts.types
    assert task_type.refusals.count == 0
    assert "inference_fails" not in codes(look(site))


def test_diagnosis_is_not_well_while_a_stall_alarm_rings(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    site.register(algorithm)
    processes_work(site)
    _worked_until(site, 50)
    site.record(2)
    site.execute("UPDATE frames SET found_at = :now, due_at = :now", now=time.time())
    assert look(site).well, markdown(look(site))
    _rings(site, "inference_stalled")
    found = look(site)
    assert found.symptom.status is Status.STALLED
    assert "2 frames waiting and none succeeds" in text(found.symptom.lines[0])
    assert 30 <= time.time() - found.symptom.since <= 45, "since the alarm's trouble began"
    assert text(found.symptom.lines[-1]) == "Alarms ringing: inference_stalled"
    assert text(found.symptom.lines[-1], "zh") == "未解除的告警：推理停止"

    # No frame is left: the state of inference is unknown.
    site.execute("DELETE FROM frames")
    found = look(site)
    assert found.symptom.status is Status.DEGRADED
    assert "no frame has succeeded since" in text(found.symptom.lines[0])

    _worked_until(site, 0)
    found = look(site)
    assert found.symptom.status is Status.DEGRADED, "until the alarm is over"
    assert text(found.symptom.lines[0]) == "Inference goes on, but not all is well"


def test_diagnosis_quotes_the_numbers_of_a_ringing_drop_alarm(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    site.register(algorithm)
    processes_work(site)
    now = time.time()
    with site.runtime.db.write() as conn:
        statistics.add(conn, {TYPE: Tally(processed=259, queue_full=70, successes=259)}, now - 120)
    assert look(site).well
    _rings(site, "high_drop_rate", cause="algorithms_too_slow")
    found = look(site)
    assert (found.symptom.status, codes(found)) == (Status.DEGRADED, ["algorithms_too_slow"])
    evidence = "\n".join(text(line) for line in found.causes[0].evidence)
    assert f"{TYPE}: 70 of 329 frames dropped in five minutes" in evidence
    assert text(found.symptom.lines[-1]) == "Alarms ringing: high_drop_rate"
