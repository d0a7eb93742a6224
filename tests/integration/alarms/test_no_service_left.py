"""An alarm is raised without services and waiting frames, unless there never was a service."""

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
    """Sixteen registered services."""
    site.configure(stall_alarm_sec=3600)
    for number in range(16):
        site.register(AlgorithmStub(f"yolo_{number:02}", port=7900 + number))


def test_clearing_all_services_raises_an_alarm_without_waiting_frames(
    site: Installation, watchdogs: Watchdogs, sixteen: None, algorithm: AlgorithmStub
) -> None:
    watchdogs.start()
    watchdogs.rounds(10)
    assert watchdogs.kinds() == []
    unregistration.clear_all(site.runtime)
    ((_, message),) = watchdogs.wait_for("no_algorithm")
    assert "no algorithm service at all: none is registered; no frame waits" in message
    assert "16 services unregistered at" in message
    assert "all services were cleared by request (clear_all)" in message
    assert "没有任何可用的算法服务" in message
    (alarm,) = watchdogs.alarms()
    assert (alarm["subject"], alarm["cause"]) == ("", "no_service")

    site.register(algorithm)
    over = watchdogs.wait_for("no_algorithm", "recovered")[-1][1]
    assert "algorithms are available again" in over


def test_diagnosis_is_degraded_when_all_services_were_cleared(
    site: Installation, sixteen: None
) -> None:
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


def test_no_algorithm_alarm_is_raised_when_all_frames_are_settled(
    site: Installation, watchdogs: Watchdogs
) -> None:
    site.configure(stall_alarm_sec=3600)
    site.record(1)
    site.execute("UPDATE frames SET state = 'dropped'")
    watchdogs.start()
    ((_, message),) = watchdogs.wait_for("no_algorithm")
    assert "none is registered" in message
    assert TYPE not in message.partition("Run")[0]
    processes_work(site)
    assert codes(look(site)) == ["no_service"]


def test_printed_command_registers_an_unregistered_service_again(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    site.register(algorithm, max_concurrency=2, heartbeat_timeout_sec=33)
    before = site.rows("SELECT name, version, max_concurrency, heartbeat_timeout_sec FROM services")
    unregistration.clear_all(site.runtime)
    processes_work(site)
    (cause,) = look(site).causes
    (remedy,) = [remedy for remedy in cause.remedies if "registers it again" in text(remedy.text)]
    assert algorithm.endpoint in text(remedy.text, "zh")
    words = shlex.split(remedy.command)
    assert words[-1].endswith("/api/v1/ai_analysis/register")
    registration.register(site.runtime, json.loads(words[words.index("-d") + 1]))
    after = site.rows("SELECT name, version, max_concurrency, heartbeat_timeout_sec FROM services")
    assert after == before, "its limits stay"
    assert look(site).well
