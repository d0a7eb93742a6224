"""The alarm "alive without heartbeats" needs proof, and is then raised for few services too."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from easyai.db import leases
from easyai.messages.catalogue import text
from easyai.registry import registration
from easyai.registry.watch import WATCHED_SINCE
from easyai.tasks.sweep import sweep
from tests.support.lively import codes, look, processes_work
from tests.support.service_fleet import Fleet
from tests.support.site import TYPE, Installation
from tests.support.waiting import wait_until
from tests.support.watchdogs import Watchdogs

pytestmark = pytest.mark.sqlite_only

ALARM = "heartbeats_missing"


@pytest.fixture
def twelve(site: Installation) -> Iterator[Fleet]:
    """Twelve living services."""
    # For so long the watchdog waits after its start; the services have their own time-out.
    site.configure(stall_alarm_sec=3600, heartbeat_timeout_sec=0.5)
    fleet = Fleet(site)
    yield fleet
    fleet.close()


def test_killed_services_raise_no_missing_heartbeats_alarm(
    site: Installation, twelve: Fleet, watchdogs: Watchdogs
) -> None:
    twelve.kill()
    # Answered a call forty seconds ago; the last heartbeat came 25 seconds earlier.
    twelve.succeeded(twelve.stubs, 40)
    twelve.heard(twelve.stubs, 65)
    watchdogs.start()
    watchdogs.rounds(12)
    assert watchdogs.kinds() == []
    processes_work(site)
    assert codes(look(site, probes=False)) == ["services_died"]

    twelve.succeeded(twelve.stubs, 65)
    for _ in range(2):
        sweep(site.runtime)
    wait_until(lambda: "service_offline" in watchdogs.kinds(), 10, "they are reported offline")
    watchdogs.rounds(12)
    assert ALARM not in watchdogs.kinds()
    assert "heartbeats arrive again" not in str(watchdogs.messages())


@pytest.mark.parametrize("silent", [12, 11, 3])
def test_missing_heartbeats_alarm_counts_silent_and_living_services(
    site: Installation, twelve: Fleet, watchdogs: Watchdogs, silent: int
) -> None:
    twelve.heard(twelve.stubs[:silent], 70)
    watchdogs.start()
    ((_, message),) = watchdogs.wait_for(ALARM)
    assert f"{silent} of 12 algorithm services that live were not heard" in message
    assert f"yolo_01..{silent:02}" in message
    assert ("points at this server" in message) == (2 * silent > 12)
    assert f"12 个仍在运行的算法服务中有 {silent} 个" in message
    (alarm,) = watchdogs.alarms()
    assert (alarm["subject"], alarm["cause"]) == ("", "heartbeats_not_arriving")

    twelve.heard(twelve.stubs, 0)
    over = watchdogs.wait_for(ALARM, "recovered")[-1][1]
    assert "heartbeats arrive again" in over


@pytest.mark.parametrize("proof", ["a frame", "a probe"])
def test_answer_after_the_heartbeat_was_overdue_proves_a_service_alive(
    site: Installation, twelve: Fleet, watchdogs: Watchdogs, proof: str
) -> None:
    # Heartbeats were due ten seconds ago; an answer before that proves nothing.
    twelve.heard(twelve.stubs, 70)
    twelve.succeeded(twelve.stubs, 20)
    watchdogs.start()
    watchdogs.rounds(12)
    assert watchdogs.kinds() == []
    if proof == "a frame":
        twelve.succeeded(twelve.stubs, 5)
    else:
        site.execute("UPDATE services SET last_evidence = last_heartbeat")
        sweep(site.runtime)
    watchdogs.wait_for(ALARM)


def test_silent_services_with_open_breakers_raise_no_missing_heartbeats_alarm(
    site: Installation, twelve: Fleet, watchdogs: Watchdogs
) -> None:
    twelve.heard(twelve.stubs, 70)
    site.execute("UPDATE services SET breaker_failures = 3, breaker_open_until = 9e9")
    watchdogs.start()
    watchdogs.rounds(12)
    assert watchdogs.kinds() == []


def test_death_of_silent_services_ends_the_alarm_without_claiming_heartbeats(
    site: Installation, twelve: Fleet, watchdogs: Watchdogs
) -> None:
    twelve.heard(twelve.stubs, 70)
    watchdogs.start()
    watchdogs.wait_for(ALARM)
    twelve.kill()
    over = watchdogs.wait_for(ALARM, "recovered")[-1][1]
    assert "heartbeats arrive again" not in over
    assert "still no heartbeat arrives" in over
    assert "no longer known to be alive: yolo_01..12" in over


def test_partial_return_of_heartbeats_names_the_services_still_silent(
    site: Installation, twelve: Fleet, watchdogs: Watchdogs
) -> None:
    twelve.heard(twelve.stubs, 70)
    watchdogs.start()
    watchdogs.wait_for(ALARM)
    twelve.heard(twelve.stubs[1:], 0)
    messages = watchdogs.wait_for(ALARM, ALARM, "recovered")
    assert "1 of 12 algorithm services that live was not heard" in messages[1][1]
    over = messages[-1][1]
    assert "heartbeats of 11 of 12 services arrive again; no heartbeat arrives yet from " in over
    assert "yolo_01 (alive)" in over


@pytest.mark.parametrize(("count", "rings"), [(2, True), (3, True), (4, False)])
def test_two_silent_services_raise_an_alarm_at_once_if_they_are_more_than_half(
    site: Installation, watchdogs: Watchdogs, count: int, rings: bool
) -> None:
    site.configure(stall_alarm_sec=3600, heartbeat_timeout_sec=0.5)
    fleet = Fleet(site, count)
    try:
        fleet.heard(fleet.stubs[:2], 70)
        watchdogs.start()
        if rings:
            watchdogs.wait_for(ALARM)
        else:
            watchdogs.rounds(12)
            assert watchdogs.kinds() == []
    finally:
        fleet.close()


def test_single_silent_service_raises_its_own_alarm_after_a_longer_grace(
    site: Installation, twelve: Fleet, watchdogs: Watchdogs
) -> None:
    lone = twelve.stubs[4]
    twelve.heard([lone], 70)
    patient = watchdogs.start()
    watchdogs.rounds(12)
    assert watchdogs.kinds() == [], "inference goes on: there is time"

    watchdogs.stop(patient)
    watchdogs.timings = replace(watchdogs.timings, few_heartbeats_grace_sec=0.2)
    watchdogs.start()
    ((_, message),) = watchdogs.wait_for(ALARM)
    assert "1 of 12 algorithm services that live was not heard for 7" in message
    assert "yolo_05" in message
    assert "points at this server" not in message
    (alarm,) = watchdogs.alarms()
    assert alarm["subject"] == lone.endpoint

    # Then all the other services: a second alarm, and the first alarm goes on.
    twelve.heard(twelve.stubs, 70)
    message = watchdogs.wait_for(ALARM, ALARM)[-1][1]
    assert "12 of 12" in message
    watchdogs.rounds(12)
    assert watchdogs.kinds() == [ALARM, ALARM]
    twelve.heard(twelve.stubs, 0)
    watchdogs.wait_for(ALARM, ALARM, "recovered")
    assert all(alarm["over_at"] for alarm in watchdogs.alarms())


def test_alarm_of_idle_services_probed_each_minute_does_not_flap(
    site: Installation, twelve: Fleet, watchdogs: Watchdogs
) -> None:
    twelve.heard(twelve.stubs, 600)
    # The newest proof is as old as it gets before the sweep's next probe.
    twelve.succeeded(twelve.stubs, 64)
    watchdogs.start()
    watchdogs.wait_for(ALARM)
    sweep(site.runtime)
    watchdogs.rounds(12)
    assert watchdogs.kinds() == [ALARM]
    # Without further proof the alarm ends, and the message claims no heartbeats.
    twelve.succeeded(twelve.stubs, 600)
    over = watchdogs.wait_for(ALARM, "recovered")[-1][1]
    assert "heartbeats arrive again" not in over


def test_heartbeats_from_this_machine_only_point_at_a_firewall(
    site: Installation,
) -> None:
    site.configure(service_networks=["127.0.0.0/8", "172.16.0.0/12"])
    for number in range(7901, 7913):
        host = "127.0.0.1" if number == 7901 else "172.16.5.207"
        body = {
            "service_id": f"yolo_{number}",
            "task_types": [TYPE],
            "endpoint": f"http://{host}:{number}/infer",
        }
        registration.register(site.runtime, body)
    site.execute(
        "UPDATE services SET last_heartbeat = last_heartbeat - 600 WHERE service_id <> 'yolo_7901'"
    )
    processes_work(site)
    found = look(site, probes=False)
    assert codes(found) == ["heartbeats_not_arriving"]
    message = "\n".join(text(line) for line in found.causes[0].evidence)
    assert "Heartbeats arrive only from this machine: check the firewall" in message
    assert (
        "listens on 127.0.0.1 only, which yolo_7902..7912 on other machines cannot reach" in message
    )


def test_heartbeats_are_not_missing_while_the_api_or_database_was_down(
    site: Installation, twelve: Fleet, watchdogs: Watchdogs
) -> None:
    twelve.heard(twelve.stubs, 70)
    processes_work(site)
    site.execute("UPDATE processes SET started_at = started_at + 30 WHERE kind = 'api'")
    watchdogs.start()
    watchdogs.rounds(12)
    assert watchdogs.kinds() == [], "it listens for half a minute"
    with site.runtime.db.write() as conn:
        leases.note(conn, WATCHED_SINCE, time.time() - 30)
    site.execute("UPDATE processes SET started_at = started_at - 60 WHERE kind = 'api'")
    watchdogs.rounds(12)
    assert watchdogs.kinds() == [], "the database was away until then"
    with site.runtime.db.write() as conn:
        leases.note(conn, WATCHED_SINCE, time.time() - 90)
    watchdogs.wait_for(ALARM)


def test_missing_api_is_the_cause_of_missing_heartbeats(
    site: Installation, twelve: Fleet, watchdogs: Watchdogs
) -> None:
    processes_work(site)
    site.execute("UPDATE processes SET beat_at = beat_at - 600 WHERE kind = 'api'")
    twelve.heard(twelve.stubs, 70)
    watchdogs.start()
    ((_, message),) = watchdogs.wait_for(ALARM)
    assert "No API of easyai runs" in message
    assert "没有可接收心跳的" in message
    (alarm,) = watchdogs.alarms()
    assert alarm["cause"] == "api_gone"


def test_api_restart_does_not_end_a_missing_heartbeats_alarm(
    site: Installation, twelve: Fleet, watchdogs: Watchdogs
) -> None:
    processes_work(site)
    twelve.heard(twelve.stubs, 70)
    site.execute("UPDATE processes SET started_at = started_at - 600 WHERE kind = 'api'")
    watchdogs.start()
    watchdogs.wait_for(ALARM)
    site.execute("UPDATE processes SET started_at = started_at + 655 WHERE kind = 'api'")
    with site.runtime.db.write() as conn:
        leases.note(conn, WATCHED_SINCE, time.time())
    watchdogs.rounds(15)
    assert watchdogs.kinds() == [ALARM]
    twelve.heard(twelve.stubs, 0)
    watchdogs.wait_for(ALARM, "recovered")


@pytest.mark.parametrize(("heard", "rings"), [(90, False), (125, True)])
def test_repeated_api_restarts_delay_a_missing_heartbeats_alarm_once_only(
    site: Installation, twelve: Fleet, watchdogs: Watchdogs, heard: float, rings: bool
) -> None:
    processes_work(site)
    twelve.heard(twelve.stubs, heard)
    site.execute("UPDATE processes SET started_at = started_at + 55 WHERE kind = 'api'")
    watchdogs.start()
    watchdogs.rounds(15)
    assert watchdogs.kinds() == [ALARM] * rings


def test_clock_set_back_does_not_suppress_a_missing_heartbeats_alarm(
    site: Installation, twelve: Fleet, watchdogs: Watchdogs
) -> None:
    processes_work(site)
    twelve.heard(twelve.stubs, 70)
    site.execute("UPDATE processes SET started_at = started_at + 86400 WHERE kind = 'api'")
    watchdogs.start()
    watchdogs.wait_for(ALARM)
