"""A stall alarm is raised when every frame fails, though no frame waits."""

from __future__ import annotations

import time
from collections.abc import Iterable

import pytest

from easyai.db import statistics
from easyai.db.frames import FrameFilter
from easyai.db.statistics import Tally
from easyai.diagnosis.contents import Status
from easyai.diagnosis.report.as_markdown import markdown
from easyai.domain.frame import FrameState
from easyai.messages.catalogue import text
from easyai.pipeline.requeue import requeue
from tests.support.algorithm_stub import AlgorithmStub, detections
from tests.support.lively import codes, look, processes_work
from tests.support.scan_traces import Scans
from tests.support.site import TYPE, Installation
from tests.support.waiting import wait_until
from tests.support.watchdogs import Watchdogs

pytestmark = pytest.mark.sqlite_only

STALL_SEC = 1.5
OTHER = "车辆"
REASON = "CUDA out of memory"


def _failed(
    site: Installation, ages: Iterable[float], reason: str = REASON, task_type: str = TYPE
) -> None:
    """Add frames that failed `ages` seconds ago."""
    now = time.time()
    for age in ages:
        site.record(1, task_type)
        site.execute(
            "UPDATE frames SET state = 'failed', outcome = 'failed', reason = :reason,"
            " settled_at = :at, image_path = 'failed/' || key WHERE state = 'pending'",
            at=now - age,
            reason=reason,
        )


def _succeeded(site: Installation, ages: Iterable[float], task_type: str = TYPE) -> None:
    """Count frames that were inferred `ages` seconds ago."""
    now = time.time()
    with site.runtime.db.write() as conn:
        for age in ages:
            statistics.add(conn, {task_type: Tally(successes=1, processed=1)}, now - age)


def _configure(site: Installation) -> None:
    site.configure(stall_alarm_sec=STALL_SEC, max_attempts=1, frame_stable_sec=0.2)


def _fails_now(site: Installation, number: int) -> None:
    """A frame arrives, is sent to the service, and fails."""
    site.put(f"{TYPE}/门口1/{number}.jpg")
    site.scan()
    site.loop().pump(TYPE, 1.0)
    wait_until(lambda: site.count("failed") == number, 10, "the frame has failed")


def test_camera_whose_every_frame_fails_alerts_once_and_recovers_on_success(
    site: Installation, watchdogs: Watchdogs, scans: Scans, algorithm: AlgorithmStub
) -> None:
    _configure(site)
    algorithm.answer = lambda frame: (200, {"success": False, "error": REASON})
    site.register(algorithm)
    watchdogs.start()
    for number in (1, 2):
        _fails_now(site, number)
    watchdogs.rounds(20)
    assert watchdogs.kinds() == [], "two broken pictures are no standstill"

    _fails_now(site, 3)
    ((_, message),) = watchdogs.wait_for("inference_stalled")
    assert message.startswith("inference stands still: 3 frames failed and none succeeded for ")
    assert f"3 frames of {TYPE} failed with: {REASON}" in message
    assert "frames --state failed --task-type" in message
    assert "3 张图片失败" in message
    (alarm,) = watchdogs.alarms()
    assert alarm["cause"] == "inference_fails"

    for number in (4, 5):
        _fails_now(site, number)
        watchdogs.rounds(6)
    assert watchdogs.kinds() == ["inference_stalled"], "it does not flap between frames"

    algorithm.answer = lambda frame: detections(0)
    site.put(f"{TYPE}/门口1/good.jpg")
    site.work(site.loop())
    over = watchdogs.wait_for("inference_stalled", "recovered")[-1][1]
    assert f"inference goes on; 5 frames of {TYPE} are kept as failed, `" in over
    assert f"requeue --task-type '{TYPE}'` brings them back" in over
    assert f"{TYPE} 有 5 张图片推理失败并保留" in over
    watchdogs.rounds(12)
    assert watchdogs.kinds() == ["inference_stalled", "recovered"]


def test_broken_pictures_among_successes_raise_no_stall_alarm(
    site: Installation, watchdogs: Watchdogs, scans: Scans, algorithm: AlgorithmStub
) -> None:
    _configure(site)
    site.register(algorithm)
    # A frame is inferred every forty seconds; in between a camera has written five broken pictures.
    _succeeded(site, range(20, 3600, 40))
    _failed(site, (9, 8.5, 8, 7.5, 7))
    watchdogs.start()
    watchdogs.rounds(30)
    assert watchdogs.kinds() == []
    assert look(site).symptom.status is not Status.STALLED

    # The next success is long overdue.
    site.execute("UPDATE statistics SET bucket = bucket - 150 WHERE bucket > 0")
    watchdogs.wait_for("inference_stalled")


def test_broken_pictures_between_two_bursts_of_a_camera_raise_no_stall_alarm(
    site: Installation, watchdogs: Watchdogs, scans: Scans, algorithm: AlgorithmStub
) -> None:
    _configure(site)
    site.register(algorithm)
    _succeeded(site, (300,))  # the last burst of the camera; the time of the next burst is unknown
    _failed(site, (9, 8.5, 8))
    watchdogs.start()
    watchdogs.rounds(20)
    assert watchdogs.kinds() == []

    # A quarter of an hour is long enough for any camera.
    site.execute("UPDATE statistics SET bucket = bucket - 700 WHERE bucket > 0")
    watchdogs.wait_for("inference_stalled")


def test_failures_before_the_last_success_do_not_count_as_a_stall(
    site: Installation, watchdogs: Watchdogs, scans: Scans, algorithm: AlgorithmStub
) -> None:
    _configure(site)
    site.register(algorithm)
    _succeeded(site, (7300, 7200))
    _failed(site, (9000, 8000, 7500, 2400, 1200))
    with site.runtime.db.write() as conn:
        assert statistics.trim(conn, time.time()) == 1, "the newest success is remembered"
    watchdogs.start()
    watchdogs.rounds(20)
    assert watchdogs.kinds() == []

    _failed(site, (0,))
    ((_, message),) = watchdogs.wait_for("inference_stalled")
    assert "3 frames failed and none succeeded for 40 min" in message


def test_stall_of_failures_ends_an_hour_after_the_last_failure_without_claiming_success(
    site: Installation, watchdogs: Watchdogs, scans: Scans, algorithm: AlgorithmStub
) -> None:
    _configure(site)
    site.register(algorithm)
    _failed(site, (3700, 3650, 3592))
    watchdogs.start()
    watchdogs.wait_for("inference_stalled")
    over = watchdogs.wait_for("inference_stalled", "recovered", timeout=20)[-1][1]
    assert "no frame has succeeded since" in over
    assert "inference goes on" not in over
    watchdogs.rounds(8)
    assert watchdogs.kinds() == ["inference_stalled", "recovered"]


def test_requeue_ends_a_stall_only_when_no_failed_frame_is_left(
    site: Installation, watchdogs: Watchdogs, scans: Scans, algorithm: AlgorithmStub
) -> None:
    _configure(site)
    site.register(algorithm)
    _failed(site, (100, 90, 80, 70))
    first = watchdogs.start()
    watchdogs.wait_for("inference_stalled")
    ids = tuple(row["id"] for row in site.frames())
    requeue(site.runtime, FrameFilter(FrameState.FAILED, ids=ids[:3]))
    assert site.count("failed") == 1
    # The requeued frames are removed: none of them succeeds, none waits.
    site.execute("DELETE FROM frames WHERE state = 'pending'")
    watchdogs.rounds(12)
    watchdogs.stop(first)
    watchdogs.start()
    watchdogs.rounds(12)
    assert watchdogs.kinds() == ["inference_stalled"], "one is left that nobody has looked at"
    assert look(site).symptom.status is Status.STALLED

    site.execute("DELETE FROM frames")
    watchdogs.wait_for("inference_stalled", "recovered")


def test_stall_alarm_names_only_the_failing_type(
    site: Installation, watchdogs: Watchdogs, scans: Scans, algorithm: AlgorithmStub
) -> None:
    _configure(site)
    site.register(algorithm, task_types=[TYPE, OTHER])
    _failed(site, (40, 30, 20), task_type=OTHER)
    _succeeded(site, (0,))
    watchdogs.start()
    ((_, message),) = watchdogs.wait_for("inference_stalled")
    assert f"3 frames of {OTHER} failed" in message
    (alarm,) = watchdogs.alarms()
    assert alarm["subject"] == OTHER


def test_diagnosis_of_failures_quotes_since_when_how_many_why_and_the_remedy(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    site.register(algorithm)
    processes_work(site)
    _succeeded(site, (1000,))
    _failed(site, (240, 180, 120, 60))
    found = look(site)
    assert found.symptom.status is Status.STALLED
    assert abs(time.time() - 240 - found.symptom.since) < 5
    assert "for 4 min: 4 frames failed and none succeeds" in text(found.symptom.lines[0])
    assert codes(found)[0] == "inference_fails"
    assert f"4 frames of {TYPE} failed with: {REASON}" in text(found.causes[0].evidence[0])
    commands = [remedy.command for remedy in found.causes[0].remedies]
    assert any(f"frames --state failed --task-type '{TYPE}'" in command for command in commands)
    assert any(f"requeue --task-type '{TYPE}'" in command for command in commands)
    assert not found.facts.checks["queue"].ok
    zh = markdown(found, "zh")
    assert "已持续 4 分钟：4 张图片失败，没有成功的推理" in zh
    assert f"“{TYPE}”的 4 张图片失败，原因：{REASON}" in zh

    _succeeded(site, (0,))
    site.execute("UPDATE services SET last_success_at = :now", now=time.time())
    assert look(site).well, "the next success ends it"


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        ("cannot download http://10.0.0.1:5066/x.jpg: timed out", "pictures_unreachable"),
        ("下载图片失败: 403", "pictures_unreachable"),
        ("cannot download model weights from http://hub/x", "inference_fails"),
        ("image has no faces", "inference_fails"),
    ],
)
def test_reasons_of_failed_frames_decide_the_cause(
    site: Installation, algorithm: AlgorithmStub, reason: str, cause: str
) -> None:
    site.register(algorithm)
    processes_work(site)
    _failed(site, (240, 180, 120), reason)
    _failed(site, (60,), "something else")
    found = look(site)
    assert codes(found) == [cause]
    assert reason in text(found.causes[0].evidence[0])
    commands = [remedy.command for remedy in found.causes[0].remedies]
    assert any(f"requeue --task-type '{TYPE}'" in command for command in commands)


@pytest.mark.parametrize(
    ("ages", "stalled"),
    [(range(5, 50, 5), False), (range(5, 55, 5), True), (range(40, 50), False)],
)
def test_many_failures_longer_than_the_gap_between_successes_are_a_stall(
    site: Installation, ages: Iterable[float], stalled: bool
) -> None:
    """Two frames succeeded about a minute ago, and every frame since has been refused."""
    site.configure(stall_alarm_sec=30)
    _succeeded(site, (75, 62))
    _failed(site, ages)
    processes_work(site)
    assert (look(site).symptom.status == Status.STALLED) is stalled
