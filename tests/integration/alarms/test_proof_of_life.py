"""Services are told to live without heartbeats only with proof, and then however few they are."""

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

TOLD = "heartbeats_missing"


@pytest.fixture
def twelve(site: Installation) -> Iterator[Fleet]:
    """Twelve services that live."""
    # The time that the watchdog waits after its start; the services have one of their own.
    site.configure(stall_alarm_sec=3600, heartbeat_timeout_sec=0.5)
    fleet = Fleet(site)
    yield fleet
    fleet.close()


def test_services_that_were_killed_are_never_told_to_live(
    site: Installation, twelve: Fleet, watchdogs: Watchdogs
) -> None:
    twelve.kill()
    # Answered until forty seconds ago, heard up to thirty seconds before.
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
    wait_until(lambda: "service_offline" in watchdogs.kinds(), 10, "they are told to be offline")
    watchdogs.rounds(12)
    assert TOLD not in watchdogs.kinds()
    assert "heartbeats arrive again" not in str(watchdogs.messages())


@pytest.mark.parametrize("silent", [12, 11, 3])
def test_many_that_live_without_heartbeats_are_told_with_how_many_of_how_many(
    site: Installation, twelve: Fleet, watchdogs: Watchdogs, silent: int
) -> None:
    twelve.heard(twelve.stubs[:silent], 70)
    watchdogs.start()
    ((_, said),) = watchdogs.wait_for(TOLD)
    assert f"{silent} of 12 algorithm services that live were not heard" in said
    assert f"yolo_01..{silent:02}" in said
    assert ("points at this server" in said) == (2 * silent > 12)
    assert f"12 个仍在运行的算法服务中有 {silent} 个" in said
    (alarm,) = watchdogs.alarms()
    assert (alarm["subject"], alarm["cause"]) == ("", "heartbeats_not_arriving")

    twelve.heard(twelve.stubs, 0)
    over = watchdogs.wait_for(TOLD, "recovered")[-1][1]
    assert "heartbeats arrive again" in over


@pytest.mark.parametrize("proof", ["a frame", "a probe"])
def test_a_frame_or_a_probe_answered_since_the_heartbeat_was_overdue_is_proof(
    site: Installation, twelve: Fleet, watchdogs: Watchdogs, proof: str
) -> None:
    # Heartbeats were due ten seconds ago; what was answered before that proves nothing.
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
    watchdogs.wait_for(TOLD)


def test_services_whose_calls_fail_are_not_told_to_live_and_work(
    site: Installation, twelve: Fleet, watchdogs: Watchdogs
) -> None:
    twelve.heard(twelve.stubs, 70)
    site.execute("UPDATE services SET breaker_failures = 3, breaker_open_until = 9e9")
    watchdogs.start()
    watchdogs.rounds(12)
    assert watchdogs.kinds() == []


def test_when_they_turn_out_dead_its_end_does_not_claim_that_heartbeats_arrive(
    site: Installation, twelve: Fleet, watchdogs: Watchdogs
) -> None:
    twelve.heard(twelve.stubs, 70)
    watchdogs.start()
    watchdogs.wait_for(TOLD)
    twelve.kill()
    over = watchdogs.wait_for(TOLD, "recovered")[-1][1]
    assert "heartbeats arrive again" not in over
    assert "no heartbeat arrives still" in over
    assert "not known to live any more: yolo_01..12" in over


def test_when_only_some_are_heard_again_the_others_are_named(
    site: Installation, twelve: Fleet, watchdogs: Watchdogs
) -> None:
    twelve.heard(twelve.stubs, 70)
    watchdogs.start()
    watchdogs.wait_for(TOLD)
    twelve.heard(twelve.stubs[1:], 0)
    told = watchdogs.wait_for(TOLD, TOLD, "recovered")
    assert "1 of 12 algorithm services that live was not heard" in told[1][1]
    over = told[-1][1]
    assert "heartbeats of 11 of 12 services arrive again; not those of yolo_01, which live" in over


@pytest.mark.parametrize(("count", "rings"), [(2, True), (3, True), (4, False)])
def test_two_are_many_when_they_are_more_than_half(
    site: Installation, watchdogs: Watchdogs, count: int, rings: bool
) -> None:
    site.configure(stall_alarm_sec=3600, heartbeat_timeout_sec=0.5)
    fleet = Fleet(site, count)
    try:
        fleet.heard(fleet.stubs[:2], 70)
        watchdogs.start()
        if rings:
            watchdogs.wait_for(TOLD)
        else:
            watchdogs.rounds(12)
            assert watchdogs.kinds() == []
    finally:
        fleet.close()


def test_a_single_one_is_told_after_a_longer_time_under_its_own_name(
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
    ((_, said),) = watchdogs.wait_for(TOLD)
    assert "1 of 12 algorithm services that live was not heard for 7" in said
    assert "yolo_05" in said
    assert "points at this server" not in said
    (alarm,) = watchdogs.alarms()
    assert alarm["subject"] == lone.endpoint

    # Then all the others: another alarm, and the first goes on.
    twelve.heard(twelve.stubs, 70)
    said = watchdogs.wait_for(TOLD, TOLD)[-1][1]
    assert "12 of 12" in said
    watchdogs.rounds(12)
    assert watchdogs.kinds() == [TOLD, TOLD]
    twelve.heard(twelve.stubs, 0)
    watchdogs.wait_for(TOLD, TOLD, "recovered")
    assert all(alarm["over_at"] for alarm in watchdogs.alarms())


def test_an_idle_service_that_is_proven_by_a_probe_each_minute_does_not_flap(
    site: Installation, twelve: Fleet, watchdogs: Watchdogs
) -> None:
    twelve.heard(twelve.stubs, 600)
    # The newest proof is as old as it gets before the sweep's next probe.
    twelve.succeeded(twelve.stubs, 64)
    watchdogs.start()
    watchdogs.wait_for(TOLD)
    sweep(site.runtime)
    watchdogs.rounds(12)
    assert watchdogs.kinds() == [TOLD]
    # Nobody looks any more: nothing is known then, and that is what is told.
    twelve.succeeded(twelve.stubs, 600)
    over = watchdogs.wait_for(TOLD, "recovered")[-1][1]
    assert "heartbeats arrive again" not in over


def test_when_only_services_of_this_machine_are_heard_a_firewall_is_looked_for(
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
    said = "\n".join(text(one) for one in found.causes[0].evidence)
    assert "Only services on this machine are heard: that points at a firewall" in said
    assert "listens on 127.0.0.1 only, which yolo_7902..7912 on other machines cannot reach" in said


def test_heartbeats_that_nobody_could_take_are_not_missing(
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
    watchdogs.wait_for(TOLD)


def test_when_no_api_runs_that_is_why_heartbeats_are_missing(
    site: Installation, twelve: Fleet, watchdogs: Watchdogs
) -> None:
    processes_work(site)
    site.execute("UPDATE processes SET beat_at = beat_at - 600 WHERE kind = 'api'")
    twelve.heard(twelve.stubs, 70)
    watchdogs.start()
    ((_, said),) = watchdogs.wait_for(TOLD)
    assert "No API of easyai runs" in said
    assert "没有可接收心跳的" in said
    (alarm,) = watchdogs.alarms()
    assert alarm["cause"] == "api_gone"


def test_a_restart_of_the_api_ends_no_alarm_of_heartbeats_that_are_missing_still(
    site: Installation, twelve: Fleet, watchdogs: Watchdogs
) -> None:
    processes_work(site)
    twelve.heard(twelve.stubs, 70)
    site.execute("UPDATE processes SET started_at = started_at - 600 WHERE kind = 'api'")
    watchdogs.start()
    watchdogs.wait_for(TOLD)
    site.execute("UPDATE processes SET started_at = started_at + 655 WHERE kind = 'api'")
    with site.runtime.db.write() as conn:
        leases.note(conn, WATCHED_SINCE, time.time())
    watchdogs.rounds(15)
    assert watchdogs.kinds() == [TOLD]
    twelve.heard(twelve.stubs, 0)
    watchdogs.wait_for(TOLD, "recovered")


@pytest.mark.parametrize(("heard", "told"), [(90, False), (125, True)])
def test_an_api_that_starts_again_and_again_puts_it_off_once_only(
    site: Installation, twelve: Fleet, watchdogs: Watchdogs, heard: float, told: bool
) -> None:
    processes_work(site)
    twelve.heard(twelve.stubs, heard)
    site.execute("UPDATE processes SET started_at = started_at + 55 WHERE kind = 'api'")
    watchdogs.start()
    watchdogs.rounds(15)
    assert watchdogs.kinds() == [TOLD] * told


def test_a_clock_that_was_set_back_silences_nothing(
    site: Installation, twelve: Fleet, watchdogs: Watchdogs
) -> None:
    processes_work(site)
    twelve.heard(twelve.stubs, 70)
    site.execute("UPDATE processes SET started_at = started_at + 86400 WHERE kind = 'api'")
    watchdogs.start()
    watchdogs.wait_for(TOLD)
