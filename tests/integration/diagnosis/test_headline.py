"""The headline names the stalled types only."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from easyai.messages.catalogue import text
from tests.support.algorithm_stub import AlgorithmStub, detections
from tests.support.lively import look, processes_work, waits_since
from tests.support.scan_traces import Scans
from tests.support.site import TYPE, Installation
from tests.support.watchdogs import Watchdogs

pytestmark = pytest.mark.sqlite_only

DEAD, THIRD, LONE = TYPE, "人脸", "离岗"


@pytest.fixture
def three(site: Installation) -> Iterator[list[AlgorithmStub]]:
    """Three types with a service each; the services of the first two are dead, and frames wait."""
    site.configure(stall_alarm_sec=20.0)
    stubs = []
    for name in (DEAD, "车辆", THIRD):
        stub = AlgorithmStub(f"of_{name}", (name,), lambda frame: detections(0)).start()
        site.register(stub)
        stubs.append(stub)
    for stub in stubs[:2]:
        stub.stop()
        site.record(2, stub.task_types[0])
        waits_since(site, 600.0, stub.task_types[0])
    yield stubs
    stubs[2].stop()


def test_headline_of_a_stall_omits_a_healthy_idle_type(
    site: Installation, three: list[AlgorithmStub]
) -> None:
    processes_work(site)
    line = look(site).symptom.lines[0]
    assert text(line).startswith("Inference of 人数统计, 车辆 has stood still since")
    assert "4 frames waiting and none succeeds" in text(line)
    assert text(line, "zh").startswith("人数统计, 车辆 的推理自")


def test_headline_names_no_type_when_all_types_are_stalled(
    site: Installation, three: list[AlgorithmStub]
) -> None:
    three[2].stop()
    processes_work(site)
    assert text(look(site).symptom.lines[0]).startswith("Inference has stood still since")


def test_stall_alarm_names_the_stalled_types(
    site: Installation, three: list[AlgorithmStub], watchdogs: Watchdogs, scans: Scans
) -> None:
    site.execute("UPDATE statistics SET successes = 0")
    watchdogs.start()
    ((_, message),) = watchdogs.wait_for("inference_stalled")
    assert "4 frames of 人数统计, 车辆 wait and none succeeded" in message


def test_headline_names_types_without_a_service_and_reports_no_stall(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    site.configure(stall_alarm_sec=20.0)
    site.register(algorithm)
    site.record(3, LONE)
    waits_since(site, 600.0, LONE)
    processes_work(site)
    line = look(site).symptom.lines[0]
    assert text(line).startswith(f"No service is registered for {LONE}: 3 frames wait since")
    assert text(line, "zh").startswith(f"没有为 {LONE} 注册的算法服务：3 张图片自")


def test_type_without_a_service_has_its_own_line_beside_stalled_types(
    site: Installation, three: list[AlgorithmStub]
) -> None:
    site.record(3, LONE)
    waits_since(site, 300.0, LONE)
    processes_work(site)
    first, second = look(site).symptom.lines[:2]
    assert text(first).startswith("Inference of 人数统计, 车辆 has stood still")
    assert "4 frames waiting" in text(first)
    assert text(second).startswith(f"No service is registered for {LONE}: 3 frames wait")
