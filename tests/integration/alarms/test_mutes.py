"""A mute keeps notifications from people, never alarms from the table, the log and the report."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from easyai.db import incidents, mutes
from easyai.domain.mute import Mute, Scope
from easyai.registry import registration
from tests.integration.alarms.test_stall_notifications import Webhook
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.lively import waits_since
from tests.support.scan_traces import Scans
from tests.support.site import TYPE, Installation
from tests.support.waiting import wait_until
from tests.support.watchdogs import FakeCheck, Watchdogs


@pytest.fixture
def people(site: Installation) -> Iterator[Webhook]:
    """A webhook that receives the notifications."""
    webhook = Webhook()
    site.configure(stall_alarm_sec=3600, notify_urls=[webhook.url])
    yield webhook
    webhook.close()


def _mute(site: Installation, scope: Scope, value: str, for_sec: float = 60.0) -> int:
    with site.runtime.db.write() as conn:
        now = time.time()
        return mutes.add(conn, Mute(scope, value, now + for_sec, "li", now))


def _delete(site: Installation, number: int) -> None:
    with site.runtime.db.write() as conn:
        mutes.delete(conn, number)


def _report(site: Installation, watchdogs: Watchdogs) -> dict[str, str]:
    def kept() -> dict[str, str]:
        with site.runtime.db.read() as conn:
            return incidents.reports(conn, watchdogs.alarms()[0]["id"])

    return wait_until(kept, 10, "the report is kept")


def test_muted_alarm_is_kept_from_people_and_from_nobody_else(
    site: Installation,
    watchdogs: Watchdogs,
    people: Webhook,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    check = FakeCheck("store", "the disk is gone")
    _mute(site, Scope.KIND, "store_down")
    watchdogs.start(check)
    watchdogs.wait_for("store_down")
    assert "people not notified, muted: kind=store_down" in caplog.text
    check.reason = ""
    watchdogs.wait_for("store_down", "recovered")
    watchdogs.rounds()
    assert people.titles == []
    assert _report(site, watchdogs)


def test_people_are_notified_when_the_mute_of_a_ringing_alarm_is_deleted(
    site: Installation, watchdogs: Watchdogs, people: Webhook
) -> None:
    check = FakeCheck("store", "the disk is gone")
    number = _mute(site, Scope.KIND, "store_down")
    watchdogs.start(check)
    watchdogs.wait_for("store_down")
    watchdogs.rounds()
    assert people.titles == []
    assert watchdogs.alarms()[0]["told_at"] == 0
    _delete(site, number)
    wait_until(lambda: people.titles == ["easyai: store_down"], 30, "people know of the alarm")
    wait_until(lambda: watchdogs.alarms()[0]["told_at"] > 0, 10, "the table shows it")
    check.reason = ""
    wait_until(lambda: len(people.titles) == 2, 30, "people know of the end")
    assert watchdogs.kinds() == ["store_down", "recovered"]


def test_next_watchdog_notifies_of_a_muted_alarm_when_the_mute_is_deleted(
    site: Installation, watchdogs: Watchdogs, people: Webhook
) -> None:
    check = FakeCheck("store", "the disk is gone")
    number = _mute(site, Scope.KIND, "store_down")
    first = watchdogs.start(check)
    watchdogs.wait_for("store_down")
    watchdogs.rounds()
    watchdogs.stop(first)
    watchdogs.start(check)
    watchdogs.rounds()
    assert people.titles == []
    _delete(site, number)
    wait_until(lambda: people.titles == ["easyai: store_down"], 30, "people know of the alarm")
    assert watchdogs.kinds() == ["store_down"]


def test_standstill_of_another_type_is_notified_although_a_muted_type_stands_still(
    site: Installation,
    watchdogs: Watchdogs,
    people: Webhook,
    scans: Scans,
    algorithm: AlgorithmStub,
) -> None:
    site.configure(stall_alarm_sec=20.0, notify_urls=[people.url])
    site.register(algorithm, task_types=[TYPE, "车辆"])
    _mute(site, Scope.TASK_TYPE, TYPE)
    site.record(1, TYPE)
    waits_since(site, 60.0, TYPE)
    watchdogs.start()
    wait_until(lambda: "inference_stalled" in watchdogs.kinds(), 10, "inference is stalled")
    watchdogs.rounds()
    assert people.titles == []
    site.record(1, "车辆")
    waits_since(site, 60.0, "车辆")
    wait_until(lambda: people.titles, 30, "people know of the other type")
    assert people.titles == ["easyai: inference_stalled"]
    assert "2 frames" in people.bodies[0]
    assert [row["subject"] for row in watchdogs.alarms()] == [""]


def test_muted_incident_is_quiet_and_the_next_alarm_is_not(
    site: Installation, watchdogs: Watchdogs, people: Webhook
) -> None:
    store, bus = FakeCheck("store", "the disk is gone"), FakeCheck("bus")
    watchdogs.start(store, bus)
    watchdogs.wait_for("store_down")
    wait_until(lambda: people.titles == ["easyai: store_down"], 30, "people know of it")
    _mute(site, Scope.INCIDENT, str(watchdogs.alarms()[0]["id"]))
    watchdogs.rounds()
    store.reason, bus.reason = "", "no bus"
    watchdogs.wait_for("store_down", "bus_down", "recovered")
    wait_until(lambda: len(people.titles) == 2, 30, "people know of the bus")
    assert people.titles == ["easyai: store_down", "easyai: bus_down"]


def test_people_are_notified_when_the_alarm_of_a_muted_incident_comes_again(
    site: Installation, watchdogs: Watchdogs, people: Webhook
) -> None:
    store = FakeCheck("store", "the disk is gone")
    watchdogs.start(store)
    watchdogs.wait_for("store_down")
    wait_until(lambda: people.titles == ["easyai: store_down"], 30, "people know of it")
    _mute(site, Scope.INCIDENT, str(watchdogs.alarms()[0]["id"]))
    watchdogs.rounds()
    store.reason = ""
    watchdogs.wait_for("store_down", "recovered")
    watchdogs.rounds()
    store.reason = "the disk is gone again"
    watchdogs.wait_for("store_down", "recovered", "store_down")
    wait_until(lambda: len(people.titles) == 2, 30, "people know of the second alarm")
    assert people.titles == ["easyai: store_down"] * 2


def test_type_is_muted_and_another_type_is_not(
    site: Installation, watchdogs: Watchdogs, people: Webhook, algorithm: AlgorithmStub
) -> None:
    site.register(algorithm, task_types=["车辆"])
    _mute(site, Scope.TASK_TYPE, TYPE)
    site.record(3, TYPE)
    watchdogs.start()
    watchdogs.wait_for("no_algorithm")
    site.record(3, "人脸")
    watchdogs.wait_for("no_algorithm", "no_algorithm")
    wait_until(lambda: people.titles, 30, "people know of the other type")
    assert people.titles == ["easyai: no_algorithm"]
    assert "人脸" in people.bodies[0]
    assert TYPE not in people.bodies[0]


def test_muted_type_covers_the_services_that_serve_it_alone(site: Installation) -> None:
    for port, types in ((7901, [TYPE]), (7902, [TYPE, "x"])):
        endpoint = f"http://127.0.0.1:{port}/infer"
        body = {"service_id": "yolo", "task_types": types, "endpoint": endpoint}
        registration.register(site.runtime, body)
    _mute(site, Scope.TASK_TYPE, TYPE)
    with site.runtime.db.read() as conn:
        (mute,) = mutes.active(conn, time.time())
    assert mute.covers("service_offline", "http://127.0.0.1:7901/infer", ())
    assert not mute.covers("service_offline", "http://127.0.0.1:7902/infer", ())
    assert mute.covers("no_algorithm", TYPE, [TYPE])
    assert not mute.covers("no_algorithm", "", [TYPE, "x"])


def test_report_of_an_alarm_is_kept_as_it_was(
    site: Installation, watchdogs: Watchdogs, people: Webhook
) -> None:
    site.record(3, TYPE)
    watchdogs.start()
    watchdogs.wait_for("no_algorithm")
    report = _report(site, watchdogs)
    assert set(report) == {"en", "zh"}
    assert "no algorithm" in report["en"].lower()
    assert TYPE in report["zh"]
    with site.runtime.db.read() as conn:
        row = incidents.ringing(conn)[0]
    assert row.kind == "no_algorithm"
    assert row.reason_code
