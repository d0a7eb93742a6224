"""The headline names the types that stand; those that are well are no part of it."""

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
    """Three types with a service each; of the first two frames wait, their services are dead."""
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


def test_a_healthy_idle_type_is_no_part_of_a_standstill(
    site: Installation, three: list[AlgorithmStub]
) -> None:
    processes_work(site)
    line = look(site).symptom.lines[0]
    assert text(line).startswith("Inference of 人数统计, 车辆 has stood still since")
    assert "4 frames waiting and none succeeds" in text(line)
    assert text(line, "zh").startswith("人数统计, 车辆 的推理自")


def test_all_types_are_named_by_none_when_the_third_service_is_dead_too(
    site: Installation, three: list[AlgorithmStub]
) -> None:
    three[2].stop()
    processes_work(site)
    assert text(look(site).symptom.lines[0]).startswith("Inference has stood still since")


def test_the_alarm_names_the_types_that_stand_too(
    site: Installation, three: list[AlgorithmStub], watchdogs: Watchdogs, scans: Scans
) -> None:
    site.execute("UPDATE statistics SET successes = 0")
    watchdogs.start()
    ((_, said),) = watchdogs.wait_for("inference_stalled")
    assert "4 frames of 人数统计, 车辆 wait and none succeeded" in said


def test_types_without_a_service_are_told_by_name_and_not_as_a_standstill(
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


def test_one_without_a_service_beside_dead_ones_has_a_line_of_its_own(
    site: Installation, three: list[AlgorithmStub]
) -> None:
    site.record(3, LONE)
    waits_since(site, 300.0, LONE)
    processes_work(site)
    first, second = look(site).symptom.lines[:2]
    assert text(first).startswith("Inference of 人数统计, 车辆 has stood still")
    assert "4 frames waiting" in text(first)
    assert text(second).startswith(f"No service is registered for {LONE}: 3 frames wait")
