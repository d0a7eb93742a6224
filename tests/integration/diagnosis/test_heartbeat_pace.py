"""A heartbeat_timeout_sec below the real interval of the services is reported as the cause."""

from __future__ import annotations

import time

import pytest

from easyai.alarms.grouping import messages
from easyai.diagnosis.report.as_markdown import markdown
from easyai.domain.alarm import AlarmKind, Change, Notice
from easyai.domain.alarm_cause import found_cause
from easyai.domain.reason import Reason
from easyai.messages.catalogue import text
from easyai.registry import registration
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.lively import codes, look, processes_work, silent_for
from tests.support.scan_traces import Scans
from tests.support.site import Installation
from tests.support.watchdogs import Watchdogs

pytestmark = pytest.mark.sqlite_only


def _beats(site: Installation, stub: AlgorithmStub, *pauses: float) -> None:
    for pause in pauses:
        silent_for(site, pause)
        registration.heartbeat(site.runtime, stub.service_id)


@pytest.fixture(autouse=True)
def short(site: Installation, algorithm: AlgorithmStub) -> None:
    """A service that may be silent for 20 s."""
    site.configure(heartbeat_timeout_sec=20)
    site.register(algorithm)


def test_heartbeat_interval_above_the_timeout_is_named_with_both_numbers(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    _beats(site, algorithm, 30, 30, 30)
    silent_for(site, 25)
    processes_work(site)
    found = look(site)
    (cause,) = [cause for cause in found.causes if cause.code == "heartbeat_timeout_short"]
    assert "20 s, services send a heartbeat every 30 s (stub)" in text(cause.title)
    assert "heartbeat_timeout_sec = 60" in text(cause.remedies[0].text)
    assert "heartbeats_not_arriving" not in codes(found)
    assert "每 30 秒发送一次心跳" in markdown(found, "zh")


@pytest.mark.parametrize("pauses", [(10, 10, 10), (30,), (30, 90), (10, 30, 10, 30)])
def test_short_outage_is_not_taken_for_a_slow_heartbeat_interval(
    site: Installation, algorithm: AlgorithmStub, pauses: tuple[float, ...]
) -> None:
    _beats(site, algorithm, *pauses)
    processes_work(site)
    assert "heartbeat_timeout_short" not in codes(look(site))


def test_raised_heartbeat_timeout_is_no_cause(site: Installation, algorithm: AlgorithmStub) -> None:
    _beats(site, algorithm, 30, 30, 30)
    site.configure(heartbeat_timeout_sec=60)
    processes_work(site)
    assert look(site).well


def test_service_that_sends_heartbeats_more_often_is_no_cause(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    _beats(site, algorithm, 30, 30, 30, *[10] * 9, 30, 30, *[10] * 9)
    processes_work(site)
    assert "heartbeat_timeout_short" in codes(look(site)), "it wavers"
    _beats(site, algorithm, 10)
    processes_work(site)
    assert look(site).well
    _beats(site, algorithm, 30, 30)
    processes_work(site)
    found = look(site)
    assert "heartbeat_timeout_short" in codes(found), "told anew, within the hour"
    report = markdown(found, "zh")
    assert "心跳间隔" in report
    assert "每 10 秒发送一次心跳，heartbeat_timeout_sec 为 20，恢复及时" in report


def test_missing_heartbeats_are_reported_even_after_a_slow_interval(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    _beats(site, algorithm, 30, 30, 30)
    silent_for(site, 90)
    processes_work(site)
    found = codes(look(site))
    assert "heartbeats_not_arriving" in found
    assert "heartbeat_timeout_short" not in found


def test_alarm_of_a_short_timeout_does_not_end_with_each_heartbeat(
    site: Installation, watchdogs: Watchdogs, scans: Scans, algorithm: AlgorithmStub
) -> None:
    site.configure(
        heartbeat_timeout_sec=2
    )  # for this time after its start a watchdog raises no such alarm
    _beats(site, algorithm, 3, 3, 3)
    watchdogs.start()
    watchdogs.wait_for("heartbeats_missing", timeout=15)
    _beats(site, algorithm, 3)
    watchdogs.rounds(8)
    ((_, message),) = watchdogs.messages()
    assert "2 s, services send a heartbeat every 3 s" in message
    assert "Set heartbeat_timeout_sec = 10 below [ai_analysis]" in message
    (alarm,) = watchdogs.alarms()
    assert alarm["cause"] == "heartbeat_timeout_short"


def test_same_notice_of_many_services_is_a_single_message(site: Installation) -> None:
    same, now = Reason.of("alarm.more", number=3), time.time()
    cause, kind = found_cause("heartbeat_timeout_short"), AlarmKind.HEARTBEATS_MISSING
    notices = [
        Notice(Change.RAISED, kind, f"http://127.0.0.1:{port}/", cause, same, now, now, now, 0.0)
        for port in (7901, 7902, 7903)
    ]
    (message,) = messages(notices, look(site).facts)
    assert message.reason == same
    assert len(message.log_lines) == 1
    assert len(message.subjects) == 3
