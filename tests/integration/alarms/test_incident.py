"""An outage sends a single notification, and another at its end; the table has every alarm."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from easyai.db import generations
from tests.integration.alarms.test_stall_notifications import Webhook
from tests.support.algorithm_stub import AlgorithmStub, detections
from tests.support.lively import waits_since
from tests.support.scan_traces import Scans
from tests.support.site import TYPE, Installation
from tests.support.waiting import wait_until
from tests.support.watchdogs import Watchdogs

pytestmark = pytest.mark.sqlite_only

OTHER = "车辆"


@pytest.fixture
def people() -> Iterator[Webhook]:
    """A webhook that receives the notifications."""
    webhook = Webhook()
    yield webhook
    webhook.close()


@pytest.fixture
def stubs(site: Installation) -> Iterator[list[AlgorithmStub]]:
    """Two services of the same type."""
    made = [AlgorithmStub(f"yolo_{n}", (TYPE,), lambda frame: detections(0)) for n in (1, 2)]
    for stub in made:
        site.register(stub.start())
    yield made
    for stub in made:
        stub.stop()


def _gone(site: Installation, stubs: list[AlgorithmStub], state: str) -> None:
    with site.runtime.db.write() as conn:
        for stub in stubs:
            conn.exec_driver_sql(
                f"UPDATE services SET state = '{state}', state_reason = 'probe failed: refused',"
                f" probe_failures = {2 if state == 'offline' else 0}"
                f" WHERE endpoint = '{stub.endpoint}'"
            )
        generations.bump_registry(conn)


def test_outage_of_all_services_notifies_once_and_once_when_it_is_over(
    site: Installation,
    watchdogs: Watchdogs,
    people: Webhook,
    scans: Scans,
    stubs: list[AlgorithmStub],
) -> None:
    site.configure(stall_alarm_sec=2.0, notify_urls=[people.url])
    watchdogs.start()
    watchdogs.rounds(3)
    for stub in stubs:
        stub.stop()
    site.record(6)
    _gone(site, stubs, "offline")
    wait_until(lambda: "no_algorithm" in watchdogs.kinds(), 15, "the services count as away")
    # Not sooner: a backlog beside living services is another trouble, with its own notification.
    site.configure(stall_alarm_sec=2.0, notify_urls=[people.url], max_queue_size=3)
    wanted = {"service_offline", "no_algorithm", "inference_stalled", "queue_backlog"}
    wait_until(lambda: wanted <= set(watchdogs.kinds()), 15, "every alarm stands in the table")
    wait_until(lambda: people.titles, 30, "people are notified")
    watchdogs.rounds(4)
    assert people.titles == ["easyai: inference_stalled"]
    assert "6 frames" in people.bodies[0]
    assert "2 of 2 services offline" in people.bodies[0]
    assert f"no algorithm for task type: {TYPE}" in people.bodies[0]

    for stub in stubs:
        stub.start()
    _gone(site, stubs, "online")
    site.work(site.loop())
    wait_until(lambda: len(people.titles) > 1, 30, "people are notified that it is over")
    wait_until(lambda: all(alarm["over_at"] for alarm in watchdogs.alarms()), 10, "all are over")
    watchdogs.rounds(4)
    assert people.titles[1:] == ["easyai: recovered (inference_stalled)"]
    assert "inference goes on" in people.bodies[1]


def test_outage_of_a_type_notifies_once_while_other_types_are_served(
    site: Installation,
    watchdogs: Watchdogs,
    people: Webhook,
    scans: Scans,
    stubs: list[AlgorithmStub],
    algorithm: AlgorithmStub,
) -> None:
    site.configure(stall_alarm_sec=50.0, notify_urls=[people.url])
    site.register(algorithm, task_types=[OTHER])
    watchdogs.start()
    watchdogs.rounds(3)
    site.record(2)
    waits_since(site, 30.0)
    _gone(site, stubs, "offline")
    wait_until(lambda: len(watchdogs.kinds()) == 2, 15, "both alarms stand in the table")
    wait_until(lambda: people.titles, 30, "people are notified")
    watchdogs.rounds(4)
    assert people.titles == ["easyai: no_algorithm"]
    assert "2 of 3 services offline" in people.bodies[0]


def test_loss_of_a_service_beside_a_living_service_notifies_at_once(
    site: Installation,
    watchdogs: Watchdogs,
    people: Webhook,
    scans: Scans,
    stubs: list[AlgorithmStub],
) -> None:
    site.configure(stall_alarm_sec=60.0, notify_urls=[people.url])
    watchdogs.start()
    _gone(site, stubs[:1], "offline")
    watchdogs.wait_for("service_offline")
    wait_until(lambda: len(people.titles) == 1, 30, "people are notified")
    assert people.titles[0].startswith("easyai: service_offline")


def test_parking_the_waiting_frames_does_not_end_a_backlog_alarm(
    site: Installation, watchdogs: Watchdogs, scans: Scans, algorithm: AlgorithmStub
) -> None:
    site.configure(stall_alarm_sec=3600.0, max_queue_size=3)
    site.register(algorithm)
    site.record(5)
    watchdogs.start()
    watchdogs.wait_for("queue_backlog")
    site.execute("UPDATE frames SET state = 'parked'")
    watchdogs.rounds(10)
    assert watchdogs.kinds() == ["queue_backlog"]
    site.execute("UPDATE frames SET state = 'done' WHERE id > 2")
    watchdogs.wait_for("queue_backlog", "recovered")


def test_next_watchdog_sends_notifications_that_the_last_watchdog_held_back(
    site: Installation,
    watchdogs: Watchdogs,
    people: Webhook,
    scans: Scans,
    stubs: list[AlgorithmStub],
) -> None:
    site.configure(stall_alarm_sec=30.0, notify_urls=[people.url])
    dog = watchdogs.start()
    watchdogs.rounds(3)
    for stub in stubs:
        stub.stop()
    site.record(6)
    _gone(site, stubs, "offline")
    wait_until(lambda: "no_algorithm" in watchdogs.kinds(), 15, "the alarm stands in the table")
    assert people.titles == [], "a standstill may say more"
    watchdogs.stop(dog)
    watchdogs.start()
    wait_until(lambda: people.titles, 30, "people are notified")
    watchdogs.rounds(4)
    assert sorted(people.titles) == [
        "easyai: no_algorithm",
        "easyai: service_offline",
    ]
