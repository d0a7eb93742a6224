"""No service at all is told of though no frame waits, unless none was ever known."""

from __future__ import annotations

import json
import shlex

import pytest

from easyai.diagnosis.contents import Status
from easyai.diagnosis.report.as_markdown import markdown
from easyai.messages.catalogue import text
from easyai.registry import registration, unregistration
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.lively import codes, look, processes_work
from tests.support.site import TYPE, Installation
from tests.support.watchdogs import Watchdogs

pytestmark = pytest.mark.sqlite_only


@pytest.fixture
def sixteen(site: Installation) -> None:
    """Sixteen services that were registered until somebody cleared all."""
    site.configure(stall_alarm_sec=3600)
    for number in range(16):
        site.register(AlgorithmStub(f"yolo_{number:02}", port=7900 + number))


def test_services_that_were_all_cleared_are_told_of_with_the_request_and_nothing_waiting(
    site: Installation, watchdogs: Watchdogs, sixteen: None, algorithm: AlgorithmStub
) -> None:
    watchdogs.start()
    watchdogs.rounds(10)
    assert watchdogs.kinds() == []
    unregistration.clear_all(site.runtime)
    ((_, said),) = watchdogs.wait_for("no_algorithm")
    assert "no algorithm service at all: none is registered; no frame waits" in said
    assert "16 services unregistered at" in said
    assert "all services were cleared by request (clear_all)" in said
    assert "没有任何可用的算法服务" in said
    (alarm,) = watchdogs.alarms()
    assert (alarm["subject"], alarm["cause"]) == ("", "no_service")

    site.register(algorithm)
    over = watchdogs.wait_for("no_algorithm", "recovered")[-1][1]
    assert "algorithms are available again" in over


def test_the_diagnosis_is_not_well_then(site: Installation, sixteen: None) -> None:
    unregistration.clear_all(site.runtime)
    processes_work(site)
    found = look(site)
    assert (found.well, found.symptom.status) == (False, Status.DEGRADED)
    assert codes(found) == ["no_service"]
    assert "No service is registered" in text(found.causes[0].title)
    assert "inference stops or will stop" in text(found.symptom.lines[0])
    assert found.facts.checks["services"].reason.code == "services.none_registered"
    assert "all services were cleared by request (clear_all)" in markdown(found)
    assert "按请求清空了全部服务" in markdown(found, "zh")


def test_cameras_whose_frames_are_all_settled_have_no_service_either(
    site: Installation, watchdogs: Watchdogs
) -> None:
    site.configure(stall_alarm_sec=3600)
    site.record(1)
    site.execute("UPDATE frames SET state = 'dropped'")
    watchdogs.start()
    ((_, said),) = watchdogs.wait_for("no_algorithm")
    assert "none is registered" in said
    assert TYPE not in said.partition("Run")[0]
    processes_work(site)
    assert codes(look(site)) == ["no_service"]


def test_the_call_that_registers_an_unregistered_service_again_is_printed_and_works(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    site.register(algorithm, max_concurrency=2, heartbeat_timeout_sec=33)
    before = site.rows("SELECT name, version, max_concurrency, heartbeat_timeout_sec FROM services")
    unregistration.clear_all(site.runtime)
    processes_work(site)
    (cause,) = look(site).causes
    (remedy,) = [one for one in cause.remedies if "registers it again" in text(one.text)]
    assert algorithm.endpoint in text(remedy.text, "zh")
    words = shlex.split(remedy.command)
    assert words[-1].endswith("/api/v1/ai_analysis/register")
    registration.register(site.runtime, json.loads(words[words.index("-d") + 1]))
    after = site.rows("SELECT name, version, max_concurrency, heartbeat_timeout_sec FROM services")
    assert after == before, "its limits stay"
    assert look(site).well
