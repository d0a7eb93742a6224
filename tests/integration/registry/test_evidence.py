"""Whose heartbeat it is: one id on many endpoints, two ids on one, registrations without end."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from easyai.domain import breaker
from easyai.registry import registration, unregistration
from easyai.registry.views import service_list
from easyai.tasks.sweep import sweep
from tests.support.algorithm_process import AlgorithmProcess
from tests.support.algorithm_stub import AlgorithmStub, detections
from tests.support.ports import free_port
from tests.support.site import TYPE, Installation, Row
from tests.support.waiting import wait_until

ID = "yolo"


@pytest.fixture
def twins() -> Iterator[list[AlgorithmStub]]:
    """Three endpoints of one id."""
    stubs = [AlgorithmStub(ID) for _ in range(3)]
    for stub in stubs:
        stub.start()
    yield stubs
    for stub in stubs:
        stub.stop()


def _events(site: Installation, kind: str) -> list[Row]:
    return site.rows("SELECT * FROM events WHERE kind = :kind ORDER BY id", kind=kind)


def _open_breaker(site: Installation, pk: int, pause_sec: float = 60.0) -> None:
    site.execute(
        "UPDATE services SET breaker_failures = 5, breaker_open_until = :until,"
        " breaker_pause_sec = :pause, last_failure_reason = 'no answer', last_failure_at = :now"
        " WHERE pk = :pk",
        until=time.time() + pause_sec,
        pause=pause_sec,
        now=time.time(),
        pk=pk,
    )


def test_one_of_many_endpoints_of_an_id_dies_and_returns_while_heartbeats_of_the_id_go_on(
    site: Installation, twins: list[AlgorithmStub], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breaker, "FIRST_PAUSE_SEC", 1.0)
    dying = AlgorithmProcess(ID, TYPE, delay=0.0)
    with dying:
        for stub in twins:
            site.register(stub)
        pk = site.register(AlgorithmStub(ID, port=dying.port))
        loop = site.loop()
        site.put_many(16)
        site.work(loop)
        assert dying.image_paths
        dying.kill()
        killed_at, number = time.monotonic(), 0

        def told_offline() -> bool:
            nonlocal number
            number += 1
            site.put_many(40, camera=f"c{number}")
            registration.heartbeat(site.runtime, ID)
            site.work(loop)
            sweep(site.runtime)
            return bool(site.service(pk)["state"] == "offline")

        wait_until(told_offline, 10, "the dead one is offline", every=0.05)
        assert time.monotonic() - killed_at < 5, "frames kept flowing, each round within seconds"
        calls = site.service(pk)["call_count"]
        for _ in range(5):
            told_offline()
        row = site.service(pk)
        assert (row["state"], row["call_count"]) == ("offline", calls)
        assert row["state_reason"] == (
            "calls fail (cannot connect: Connection refused) though heartbeats of its id arrive; "
            "probe failed: Connection refused"
        )
        assert time.time() - row["last_heartbeat"] < 5, "they do refresh it"
        assert {
            one["state"] for one in site.rows("SELECT state FROM services WHERE pk <> :pk", pk=pk)
        } == {"online"}
        assert site.count("done") == len(site.frames())
        dying.start()
        site.execute("UPDATE services SET next_probe_at = 0")
        sweep(site.runtime)
        assert site.service(pk)["state"] == "online"
        site.put_many(60, camera="back")
        site.work(loop)
        assert site.service(pk)["breaker_open_until"] == 0
        assert [one["subject"] for one in _events(site, "service_offline")] == [row["endpoint"]]
        assert "it was offline for" in _events(site, "service_online")[-1]["text"]
        assert len(_events(site, "breaker_open")) == len(_events(site, "breaker_closed")) == 1


def test_endpoints_offline_by_silence_all_come_back_with_one_heartbeat_of_their_id(
    site: Installation, twins: list[AlgorithmStub]
) -> None:
    pks = [site.register(stub) for stub in twins]
    site.execute(
        "UPDATE services SET state = 'offline', last_heartbeat = :old", old=time.time() - 600
    )
    _open_breaker(site, pks[0])
    registration.heartbeat(site.runtime, ID)
    assert [site.service(pk)["state"] for pk in pks] == ["online"] * 3
    site.execute(
        "UPDATE services SET state = 'offline', last_heartbeat = :old WHERE pk > 1",
        old=time.time() - 600,
    )
    registration.heartbeat(site.runtime, ID)
    assert [site.service(pk)["state"] for pk in pks] == ["online"] * 3


def test_a_heartbeat_brings_back_its_own_endpoint_and_no_dead_one_of_its_id(
    site: Installation, twins: list[AlgorithmStub]
) -> None:
    pks = [site.register(stub) for stub in twins]
    site.execute("UPDATE services SET state = 'offline' WHERE pk <> :pk", pk=pks[0])
    registration.heartbeat(site.runtime, ID)
    assert [site.service(pk)["state"] for pk in pks] == ["online", "offline", "offline"]
    assert _events(site, "service_online") == []
    assert _events(site, "service_online") == []
    registration.heartbeat(site.runtime, twins[1].endpoint)
    assert [site.service(pk)["state"] for pk in pks] == ["online", "online", "offline"]
    site.execute("UPDATE services SET state = 'offline'")
    registration.heartbeat(site.runtime, ID)
    assert [site.service(pk)["state"] for pk in pks] == ["online"] * 3, "it may be of any"


def test_an_idle_endpoint_that_died_is_found_though_heartbeats_of_its_id_arrive(
    site: Installation, twins: list[AlgorithmStub]
) -> None:
    pks = [site.register(stub) for stub in twins]
    site.execute("UPDATE services SET register_at = register_at - 100")
    twins[0].stop()
    for expected in ("suspect", "offline", "offline"):
        registration.heartbeat(site.runtime, ID)
        sweep(site.runtime)
        row = site.service(pks[0])
        assert row["state"] == expected
        assert row["state_reason"] == (
            "probe failed: Connection refused, though heartbeats of its id arrive"
        )
    assert [stub.health_checks for stub in twins[1:]] == [1, 1], "asked once in a while"


def test_a_service_that_moved_to_another_port_leaves_no_half_used_endpoint(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    old = site.register(AlgorithmStub("stub", port=free_port()))
    site.register(algorithm)
    loop = site.loop()
    for number in range(3):
        site.put_many(8, camera=f"c{number}")
        site.work(loop)
        registration.heartbeat(site.runtime, "stub")
        sweep(site.runtime)
    row = site.service(old)
    assert (row["state"], len(site.alerts())) == ("offline", 24)
    assert "though heartbeats of its id arrive" in row["state_reason"]
    assert row["call_count"] <= 8


def test_an_endpoint_whose_calls_fail_but_whose_probes_answer_stays_on_trial(
    site: Installation, twins: list[AlgorithmStub]
) -> None:
    pks = [site.register(stub) for stub in twins]
    _open_breaker(site, pks[0])
    before = site.service(pks[0])["breaker_open_until"]
    for _ in range(3):
        registration.heartbeat(site.runtime, ID)
        sweep(site.runtime)
    row = site.service(pks[0])
    assert (row["state"], row["breaker_open_until"]) == ("online", before)
    assert twins[0].health_checks == 3


def test_the_only_endpoint_of_an_id_is_believed_its_heartbeats(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    pk = site.register(algorithm)
    algorithm.stop()
    _open_breaker(site, pk)
    for _ in range(3):
        sweep(site.runtime)
    assert site.service(pk)["state"] == "online"
    site.execute("UPDATE services SET state = 'offline'")
    registration.heartbeat(site.runtime, "stub")
    assert site.service(pk)["state"] == "online"


def test_two_ids_that_fight_for_one_endpoint_are_told_of_and_the_last_one_wins(
    site: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    port = free_port()
    for number in range(7):
        pk = site.register(AlgorithmStub("ab"[number % 2], port=port))
    assert site.service(pk)["service_id"] == "a"
    told = [event["text"] for event in _events(site, "service_replaced")]
    assert told == ["service_id=a registered in place of service_id=b (6 ×)"], "news once a minute"
    assert caplog.text.count("endpoint taken over by another service_id") == 1
    (entry,) = service_list(site.runtime, everything=True)["services"]
    assert entry["state_reason"] == "registered in place of service_id=b (6 ×)"


def test_a_broken_service_that_registers_all_the_time_gets_no_more_trials_than_its_breaker_gives(
    site: Installation,
) -> None:
    with AlgorithmStub("broken", answer=lambda frame: (500, {})) as broken:
        pk = site.register(broken)
        site.put_many(20)
        site.scan()
        loop = site.loop()
        for _ in range(20):
            site.register(broken)
            site.execute("UPDATE frames SET due_at = 0 WHERE state = 'pending'")
            loop.pump(TYPE, 0.05)
            wait_until(lambda: site.count("leased") == 0, 5, "the calls have failed")
        assert site.service(pk)["breaker_open_until"] > time.time()
        assert broken.count <= 20, "the first ones, before its breaker opened"
        assert len(_events(site, "service_registered")) == 1
        broken.forget()
        site.execute("UPDATE services SET register_at = register_at - 100")
        broken.answer = lambda frame: detections(1)
        broken.delay = 0.05
        site.register(broken)
        site.execute("UPDATE frames SET due_at = 0 WHERE state = 'pending'")
        assert len(site.lease().frames) == 1, "one trial, at once"


def test_a_service_restarted_twice_need_not_wait_for_a_breaker_whose_pause_has_grown(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    pk = site.register(algorithm)
    _open_breaker(site, pk, pause_sec=60)
    site.execute("UPDATE services SET register_at = register_at - 8")
    site.register(algorithm)
    site.put_many(3)
    site.scan()
    assert len(site.lease().frames) == 1, "one trial, at once"


def test_what_its_calls_taught_outlives_a_registration(site: Installation) -> None:
    stub = AlgorithmStub()
    pk = site.register(stub)
    site.execute("UPDATE services SET breaker_failures = 2, ewma_ms = 70, concurrency_cap = 3")
    site.register(stub)
    row = site.service(pk)
    assert (row["breaker_failures"], row["ewma_ms"], row["concurrency_cap"]) == (2, 70, 3)


def test_every_change_of_a_service_is_one_event_and_a_heartbeat_none(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    site.register(algorithm)
    for _ in range(3):
        registration.heartbeat(site.runtime, "stub")
    site.execute("UPDATE services SET last_evidence = 1")
    sweep(site.runtime)
    site.execute("UPDATE services SET last_evidence = 1")
    sweep(site.runtime)
    algorithm.stop()
    site.execute("UPDATE services SET last_evidence = 1")
    sweep(site.runtime)
    sweep(site.runtime)
    sweep(site.runtime)
    registration.heartbeat(site.runtime, "stub")
    unregistration.unregister(site.runtime, "stub")
    site.register(algorithm)
    unregistration.unregister(site.runtime, algorithm.endpoint)
    site.register(algorithm)
    unregistration.clear_all(site.runtime)
    kinds = [
        row["kind"]
        for row in site.rows("SELECT kind FROM events WHERE kind LIKE 'service%' ORDER BY id")
    ]
    assert [kind.removeprefix("service_") for kind in kinds] == [
        *("registered", "suspect", "online", "suspect", "offline", "online"),
        *("unregistered", "registered", "unregistered", "registered", "unregistered"),
    ]
    how = [event["text"].partition(": ")[2] for event in _events(site, "service_unregistered")]
    assert how == [
        "unregistered by request, by service_id",
        "unregistered by request, by endpoint",
        "all services were cleared by request (clear_all)",
    ]
