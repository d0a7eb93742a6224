"""A cause is told of the task types that it concerns, and of no other."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from easyai.diagnosis.contents import Status
from easyai.diagnosis.report.as_markdown import markdown
from easyai.messages.catalogue import text
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.lively import codes, look, processes_work, waits_since
from tests.support.scan_traces import Scans
from tests.support.service_fleet import Fleet
from tests.support.site import TYPE, Installation
from tests.support.waiting import wait_until
from tests.support.watchdogs import Watchdogs

pytestmark = pytest.mark.sqlite_only

OTHER = "车辆"
STALL_SEC = 1.5


@pytest.fixture
def killed(site: Installation) -> Iterator[Fleet]:
    """Twelve killed forty seconds ago: no heartbeat is overdue, no probe was made yet."""
    site.configure(stall_alarm_sec=3600)
    fleet = Fleet(site)
    fleet.kill()
    fleet.succeeded(fleet.stubs, 40)
    fleet.heard(fleet.stubs, 50)
    yield fleet
    fleet.close()


def test_two_that_answered_last_before_their_heartbeat_died_with_the_others(
    site: Installation, killed: Fleet
) -> None:
    killed.succeeded(killed.stubs[:2], 46)
    killed.heard(killed.stubs[:2], 42)
    processes_work(site)
    found = look(site, probes=False)
    assert codes(found) == ["services_died"]
    assert "All 12 services died" in text(found.causes[0].title)
    assert "cannot connect: Connection refused" in markdown(found)


@pytest.mark.parametrize(("heard", "first"), [(2, "services_died"), (9, "endpoint_unreachable")])
def test_two_groups_that_leave_no_service_at_work_stop_inference_together(
    site: Installation, killed: Fleet, heard: int, first: str
) -> None:
    killed.heard(killed.stubs[:heard], 1)
    processes_work(site)
    found = look(site, probes=False)
    assert codes(found)[0] == first, "the larger group"
    assert set(codes(found)) == {"services_died", "endpoint_unreachable"}
    assert [cause.weight >= 50 for cause in found.causes] == [True, True]
    assert found.symptom.status is Status.DEGRADED
    assert "inference stops or will stop" in text(found.symptom.lines[0])


def test_one_that_takes_work_is_enough_for_neither_group_to_stop_inference(
    site: Installation, killed: Fleet, algorithm: AlgorithmStub
) -> None:
    site.register(algorithm)
    killed.heard(killed.stubs[:2], 1)
    processes_work(site)
    found = look(site, probes=False)
    assert [cause.weight >= 50 for cause in found.causes] == [False, False]


def test_the_first_alarm_of_services_killed_in_two_groups_has_its_cause(
    site: Installation, killed: Fleet, watchdogs: Watchdogs, scans: Scans
) -> None:
    killed.heard(killed.stubs[:2], 1)
    site.configure(stall_alarm_sec=STALL_SEC)
    watchdogs.start()
    ((_, said),) = watchdogs.wait_for("inference_stalled")
    assert "10 of 12 services died" in said
    assert "The cause is not known" not in said


def _html(site: Installation, algorithm: AlgorithmStub, count: int) -> None:
    """The only service of TYPE answers nonsense, and frames of it wait."""
    algorithm.answer = lambda frame: (200, b"<html>")
    site.register(algorithm)
    site.put_many(count)
    site.scan()
    loop = site.loop()
    for _ in range(4):
        site.execute("UPDATE frames SET due_at = 0 WHERE state = 'pending'")
        site.execute("UPDATE services SET breaker_open_until = 1 WHERE breaker_open_until > 0")
        loop.pump(TYPE, 0.3)


def _dead_mover(site: Installation, count: int) -> None:
    """The only service of another type is dead, and frames of it wait."""
    site.register(AlgorithmStub("mover", (OTHER,)))
    site.put_many(count, OTHER)
    site.scan()
    loop = site.loop()
    for _ in range(4):
        site.execute("UPDATE frames SET due_at = 0 WHERE state = 'pending'")
        site.execute("UPDATE services SET breaker_open_until = 1 WHERE breaker_open_until > 0")
        loop.pump(OTHER, 0.3)
    # Its last answer and its last heartbeat came from one life.
    site.execute(
        "UPDATE services SET last_success_at = :at, last_evidence = :at, last_heartbeat = :at"
        " WHERE service_id = 'mover'",
        at=time.time() - 10,
    )


def test_a_right_cause_is_not_replaced_by_one_of_another_type(
    site: Installation,
    watchdogs: Watchdogs,
    scans: Scans,
    algorithm: AlgorithmStub,
) -> None:
    watchdogs.timings = replace(watchdogs.timings, cause_sec=0.3)
    site.configure(stall_alarm_sec=STALL_SEC, max_attempts=1000)
    _html(site, algorithm, 3)
    watchdogs.start()
    ((_, said),) = watchdogs.wait_for("inference_stalled")
    assert "not JSON" in said
    _dead_mover(site, 5)
    watchdogs.rounds(40)
    assert watchdogs.kinds() == ["inference_stalled"], watchdogs.messages()
    (told,) = watchdogs.alarms()
    assert told["cause"] == "inference_fails"


def test_the_alarm_of_each_type_tells_its_own_cause_and_so_do_their_ends(
    site: Installation, watchdogs: Watchdogs, scans: Scans, algorithm: AlgorithmStub
) -> None:
    site.configure(stall_alarm_sec=STALL_SEC, max_attempts=1000)
    _html(site, algorithm, 3)
    _dead_mover(site, 1)
    watchdogs.start()
    # A third type goes on, so that those two are named.
    site.record(1, "人脸")
    site.execute("UPDATE frames SET state = 'done' WHERE task_type = '人脸'")

    def both() -> bool:
        site.execute("DELETE FROM statistics WHERE task_type = '人脸'")
        site.execute(
            "INSERT INTO statistics (bucket, task_type, successes) VALUES (:at, '人脸', 1)",
            at=int(time.time()) // 10 * 10 + 10,
        )
        return len(watchdogs.alarms()) == 2

    wait_until(both, 15, "both are told", every=0.5)
    causes = {row["subject"]: row["cause"] for row in watchdogs.alarms()}
    assert causes == {TYPE: "inference_fails", OTHER: "services_died"}
    site.execute("UPDATE frames SET state = 'dropped', settled_at = :now", now=time.time())
    wait_until(lambda: "recovered" in watchdogs.kinds(), 15, "the end is told")
    ends = " ".join(said for kind, said in watchdogs.messages() if kind == "recovered")
    assert "inference failed in the services (inference_fails)" in ends
    assert "services had died (services_died)" in ends
    assert f"推理停止（{TYPE}" in ends or f"推理停止（{OTHER}" in ends, "not inference_stalled"


@pytest.mark.parametrize(("of_mover", "first"), [(1, "inference_fails"), (9, "services_died")])
def test_of_causes_alike_the_one_that_more_frames_wait_for_stands_first(
    site: Installation, algorithm: AlgorithmStub, of_mover: int, first: str
) -> None:
    site.configure(max_attempts=1000)
    _html(site, algorithm, 5)
    _dead_mover(site, of_mover)
    for task_type in (TYPE, OTHER):
        waits_since(site, 120, task_type)
    processes_work(site)
    found = look(site, probes=False)
    assert codes(found)[0] == first
    by_code = {cause.code: cause.task_types for cause in found.causes}
    assert by_code == {"inference_fails": (TYPE,), "services_died": (OTHER,)}
