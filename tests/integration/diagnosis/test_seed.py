"""The incident that easyai exists for: twelve head detectors fall silent for four hours.

The report must reach the same conclusion by itself, and distinguish the possible causes.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from easyai.diagnosis.contents import Diagnosis, Status
from easyai.diagnosis.report.as_markdown import markdown
from easyai.messages.catalogue import text
from easyai.registry import registration
from easyai.tasks.sweep import sweep
from tests.support.algorithm_stub import AlgorithmStub, detections
from tests.support.lively import codes, look, processes_work, silent_for, succeeded_ago, waits_since
from tests.support.site import TYPE, Installation

pytestmark = pytest.mark.sqlite_only

FOUR_HOURS = 4 * 3600.0
NUMBERS = range(7901, 7913)
ALL = "yolo11x_head_detector_7901..7912"


@pytest.fixture
def detectors(site: Installation) -> Iterator[list[AlgorithmStub]]:
    """Twelve registered services that have each inferred frames."""
    stubs = [
        AlgorithmStub(f"yolo11x_head_detector_{number}", answer=lambda frame: detections(0)).start()
        for number in NUMBERS
    ]
    for stub in stubs:
        site.register(stub)
    loop = site.loop()
    site.put_many(24)
    site.work(loop)
    yield stubs
    loop.drain(5.0)
    for stub in stubs:
        stub.stop()


def _frames_arrive(site: Installation, count: int = 5) -> None:
    for number in range(count):
        site.put(f"{TYPE}/门口1/later-{number}.jpg")
    site.scan()


def _sweeps(site: Installation) -> None:
    """Sweep until a silent service would be offline."""
    for _ in range(2):
        sweep(site.runtime)
        site.execute("UPDATE services SET next_probe_at = 0")


def _both(diagnosis: Diagnosis) -> tuple[str, str]:
    return markdown(diagnosis, "en"), markdown(diagnosis, "zh")


def test_twelve_working_services_are_reported_well_in_three_lines(
    site: Installation, detectors: list[AlgorithmStub]
) -> None:
    processes_work(site)
    diagnosis = look(site)
    assert (diagnosis.well, codes(diagnosis)) == (True, []), markdown(diagnosis)
    for language in ("en", "zh"):
        lines = markdown(diagnosis, language).splitlines()
        assert len(lines) == 3, "all is well in three lines"
        assert "12" in lines[1]


def test_dead_services_are_reported_with_probes_and_heartbeats(
    site: Installation, detectors: list[AlgorithmStub]
) -> None:
    for stub in detectors:
        stub.stop()
    silent_for(site, FOUR_HOURS)
    succeeded_ago(site, FOUR_HOURS)
    _sweeps(site)
    _frames_arrive(site)
    waits_since(site, FOUR_HOURS - 60)
    processes_work(site)

    diagnosis = look(site)
    assert diagnosis.symptom.status is Status.STALLED
    assert codes(diagnosis) == ["services_died"]
    en, zh = _both(diagnosis)
    assert all(word in en for word in ("stood still", "for 4 h", "5 frames"))
    assert all(word in zh for word in ("起停止", "已持续 4 小时", "5 张图片"))
    for report, died, refused in (
        (en, "All 12 services died", "Connection refused"),
        (zh, "全部 12 个服务已停止运行", "连接被拒绝"),
    ):
        assert died in report
        assert ALL in report
        assert refused in report
        assert f"no algorithm for task type: {TYPE}" in report or "没有可用的算法服务" in report
        assert "--config" in report or "services --all" in report
        assert f"http://127.0.0.1:{detectors[0].port}/health" in report
    assert "12 × " in en, "equal events are one line"
    assert en.count("heartbeat timeout") <= 3


def test_lost_heartbeats_of_living_services_point_at_this_server_or_network(
    site: Installation, detectors: list[AlgorithmStub]
) -> None:
    silent_for(site, FOUR_HOURS)
    succeeded_ago(site, FOUR_HOURS)
    _sweeps(site)
    processes_work(site)

    diagnosis = look(site)
    assert codes(diagnosis) == ["heartbeats_not_arriving"]
    assert diagnosis.symptom.status is Status.DEGRADED, "probes keep them at work"
    en, zh = _both(diagnosis)
    assert "All 12 services live but their heartbeats do not arrive" in en
    assert "points at this server or the network" in en
    assert "全部 12 个服务仍在运行，但心跳没有到达" in zh
    assert "/api/v1/ai_analysis/heartbeat/yolo11x_head_detector_7901" in en

    _frames_arrive(site)
    site.work(site.loop())
    assert site.count("pending") == 0, "inference goes on meanwhile"


def test_hanging_services_are_distinguished_from_dead_services(
    site: Installation, detectors: list[AlgorithmStub]
) -> None:
    site.configure(infer_timeout_sec=0.3)
    for stub in detectors:
        stub.delay = 3600.0
    silent_for(site, FOUR_HOURS)
    succeeded_ago(site, FOUR_HOURS)
    _frames_arrive(site, 40)
    loop = site.loop()
    for _ in range(3):
        site.execute("UPDATE frames SET due_at = 0 WHERE state = 'pending'")
        loop.pump(TYPE, 1.0)
    waits_since(site, 600)
    for number in NUMBERS:
        registration.heartbeat(site.runtime, f"yolo11x_head_detector_{number}")
    processes_work(site)

    diagnosis = look(site)
    assert diagnosis.symptom.status is Status.STALLED
    assert codes(diagnosis)[0] == "inference_hangs"
    assert not {"services_died", "heartbeats_not_arriving"} & set(codes(diagnosis))
    en, zh = _both(diagnosis)
    assert "All 12 services live but inference hangs there" in en
    assert "no answer within 0.3 s" in en
    assert "推理卡住" in zh


def test_suspended_services_are_not_reported_dead(
    site: Installation,
) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:
        endpoint = f"http://127.0.0.1:{server.getsockname()[1]}/infer"
        registration.register(
            site.runtime, {"service_id": "held", "endpoint": endpoint, "task_types": [TYPE]}
        )
        silent_for(site, 300)
        processes_work(site)
        (cause,) = look(site).causes
    assert "hangs or is suspended" in text(cause.title)
    assert "被挂起" in text(cause.title, "zh")
    assert "died" not in text(cause.title)
    assert any("kill -CONT" in text(remedy.text) for remedy in cause.remedies)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_some_dead_services_do_not_hide_the_working_services(
    site: Installation, detectors: list[AlgorithmStub], language: str
) -> None:
    for stub in detectors[:3]:
        stub.stop()
    site.execute(
        "UPDATE services SET last_heartbeat = last_heartbeat - 900,"
        " last_evidence = last_evidence - 900 WHERE service_id < 'yolo11x_head_detector_7904'"
    )
    _sweeps(site)
    processes_work(site)
    diagnosis = look(site)
    assert codes(diagnosis) == ["services_died"]
    assert diagnosis.causes[0].weight < 50, "the others go on"
    assert diagnosis.symptom.status is Status.DEGRADED
    report = markdown(diagnosis, language)
    assert "yolo11x_head_detector_7901..7903" in report
    assert ("3 of 12" if language == "en" else "12 个服务中的 3 个") in report
