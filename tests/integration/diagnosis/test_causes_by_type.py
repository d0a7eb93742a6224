"""A cause is reported for the task types that it concerns only."""

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
    """Twelve services killed forty seconds ago: no heartbeat is overdue, no probe was made yet."""
    site.configure(stall_alarm_sec=3600)
    fleet = Fleet(site)
    fleet.kill()
    fleet.succeeded(fleet.stubs, 40)
    fleet.heard(fleet.stubs, 50)
    yield fleet
    fleet.close()


def test_services_killed_between_answer_and_heartbeat_count_as_died(
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
def test_dead_and_unreachable_services_together_stop_inference(
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


def test_single_working_service_keeps_inference_from_being_stopped(
    site: Installation, killed: Fleet, algorithm: AlgorithmStub
) -> None:
    site.register(algorithm)
    killed.heard(killed.stubs[:2], 1)
    processes_work(site)
    found = look(site, probes=False)
    assert [cause.weight >= 50 for cause in found.causes] == [False, False]


def test_first_alarm_of_services_killed_in_two_groups_names_the_cause(
    site: Installation, killed: Fleet, watchdogs: Watchdogs, scans: Scans
) -> None:
    killed.heard(killed.stubs[:2], 1)
    site.configure(stall_alarm_sec=STALL_SEC)
    watchdogs.start()
    ((_, message),) = watchdogs.wait_for("inference_stalled")
    assert "10 of 12 services died" in message
    assert "The cause is not known" not in message


def _html(site: Installation, algorithm: AlgorithmStub, count: int) -> None:
    """The only service of TYPE sends invalid answers, and frames of TYPE wait."""
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
    """The only service of another type is dead, and frames of that type wait."""
    site.register(AlgorithmStub("mover", (OTHER,)))
    site.put_many(count, OTHER)
    site.scan()
    loop = site.loop()
    for _ in range(4):
        site.execute("UPDATE frames SET due_at = 0 WHERE state = 'pending'")
        site.execute("UPDATE services SET breaker_open_until = 1 WHERE breaker_open_until > 0")
        loop.pump(OTHER, 0.3)
    # Its last answer and its last heartbeat came at the same time.
    site.execute(
        "UPDATE services SET last_success_at = :at, last_evidence = :at, last_heartbeat = :at"
        " WHERE service_id = 'mover'",
        at=time.time() - 10,
    )


def test_cause_of_an_alarm_is_not_replaced_by_a_cause_of_another_type(
    site: Installation,
    watchdogs: Watchdogs,
    scans: Scans,
    algorithm: AlgorithmStub,
) -> None:
    watchdogs.timings = replace(watchdogs.timings, cause_sec=0.3)
    site.configure(stall_alarm_sec=STALL_SEC, max_attempts=1000)
    _html(site, algorithm, 3)
    watchdogs.start()
    ((_, message),) = watchdogs.wait_for("inference_stalled")
    assert "not JSON" in message
    _dead_mover(site, 5)
    watchdogs.rounds(40)
    assert watchdogs.kinds() == ["inference_stalled"], watchdogs.messages()
    (alarm,) = watchdogs.alarms()
    assert alarm["cause"] == "inference_fails"


def test_alarm_and_recovery_of_each_type_name_its_own_cause(
    site: Installation, watchdogs: Watchdogs, scans: Scans, algorithm: AlgorithmStub
) -> None:
    site.configure(stall_alarm_sec=STALL_SEC, max_attempts=1000)
    _html(site, algorithm, 3)
    _dead_mover(site, 1)
    watchdogs.start()
    # A third type is inferred, so that the alarm names the two stalled types.
    site.record(1, "人脸")
    site.execute("UPDATE frames SET state = 'done' WHERE task_type = '人脸'")

    def both() -> bool:
        site.execute("DELETE FROM statistics WHERE task_type = '人脸'")
        site.execute(
            "INSERT INTO statistics (bucket, task_type, successes) VALUES (:at, '人脸', 1)",
            at=int(time.time()) // 10 * 10 + 10,
        )
        return len(watchdogs.alarms()) == 2

    wait_until(both, 15, "both alarms are raised", every=0.5)
    causes = {row["subject"]: row["cause"] for row in watchdogs.alarms()}
    assert causes == {TYPE: "inference_fails", OTHER: "services_died"}
    site.execute("UPDATE frames SET state = 'dropped', settled_at = :now", now=time.time())
    wait_until(lambda: "recovered" in watchdogs.kinds(), 15, "the end is reported")
    ends = " ".join(message for kind, message in watchdogs.messages() if kind == "recovered")
    assert "inference failed in the services (inference_fails)" in ends
    assert "services had died (services_died)" in ends
    assert f"推理停止（{TYPE}" in ends or f"推理停止（{OTHER}" in ends, "not inference_stalled"


@pytest.mark.parametrize(("of_mover", "first"), [(1, "inference_fails"), (9, "services_died")])
def test_equal_causes_are_ranked_by_waiting_frames(
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
