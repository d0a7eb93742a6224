"""Whose heartbeat counts: an id on many endpoints, two ids on one, endless registrations."""

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
    """Three endpoints of a single id."""
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


def test_dead_endpoint_is_found_and_returns_while_heartbeats_of_its_id_go_on(
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
        # So that the heartbeats that follow are no last heartbeats of the dead process.
        site.execute("UPDATE services SET last_success_at = last_success_at - 5")
        killed_at, number = time.monotonic(), 0

        def is_offline() -> bool:
            nonlocal number
            number += 1
            site.put_many(40, camera=f"c{number}")
            registration.heartbeat(site.runtime, ID)
            site.work(loop)
            sweep(site.runtime)
            return bool(site.service(pk)["state"] == "offline")

        wait_until(is_offline, 10, "the dead endpoint is offline", every=0.05)
        assert time.monotonic() - killed_at < 5, "frames kept flowing, each round within seconds"
        calls = site.service(pk)["call_count"]
        for _ in range(5):
            is_offline()
        row = site.service(pk)
        assert (row["state"], row["call_count"]) == ("offline", calls)
        assert row["state_reason"] == (
            "calls fail (cannot connect: Connection refused) though heartbeats of its id arrive; "
            "probe failed: Connection refused"
        )
        assert time.time() - row["last_heartbeat"] < 5, "they do refresh it"
        assert {
            row["state"] for row in site.rows("SELECT state FROM services WHERE pk <> :pk", pk=pk)
        } == {"online"}
        assert site.count("done") == len(site.frames())
        dying.start()
        site.execute("UPDATE services SET next_probe_at = 0")
        sweep(site.runtime)
        assert site.service(pk)["state"] == "online"
        site.put_many(60, camera="back")
        site.work(loop)
        assert site.service(pk)["breaker_open_until"] == 0
        assert [event["subject"] for event in _events(site, "service_offline")] == [row["endpoint"]]
        assert "it was offline for" in _events(site, "service_online")[-1]["text"]
        assert len(_events(site, "breaker_open")) == len(_events(site, "breaker_closed")) == 1


def test_heartbeat_of_the_id_revives_all_endpoints_that_are_offline_by_silence(
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


def test_heartbeat_revives_its_own_endpoint_and_no_dead_endpoint_of_its_id(
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


def test_old_endpoint_goes_offline_after_a_service_moved_to_another_port(
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


def test_heartbeats_alone_keep_the_only_endpoint_of_an_id_online(
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


def test_ids_competing_for_an_endpoint_are_reported_and_the_last_registration_wins(
    site: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    port = free_port()
    for number in range(7):
        pk = site.register(AlgorithmStub("ab"[number % 2], port=port))
    assert site.service(pk)["service_id"] == "a"
    texts = [event["text"] for event in _events(site, "service_replaced")]
    assert texts == ["service_id=a registered in place of service_id=b (6 ×)"], "news once a minute"
    assert caplog.text.count("endpoint taken over by another service_id") == 1
    (entry,) = service_list(site.runtime, everything=True)["services"]
    assert entry["state_reason"] == "registered in place of service_id=b (6 ×)"


def test_constant_registrations_give_a_broken_service_no_extra_trials(
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
        assert broken.count <= 20, "the first calls, before its breaker opened"
        assert len(_events(site, "service_registered")) == 1
        broken.forget()
        site.execute("UPDATE services SET register_at = register_at - 100")
        broken.answer = lambda frame: detections(1)
        broken.delay = 0.05
        site.register(broken)
        site.execute("UPDATE frames SET due_at = 0 WHERE state = 'pending'")
        assert len(site.lease().frames) == 1, "a single trial, at once"


def test_registration_after_a_restart_allows_a_trial_despite_a_grown_breaker_pause(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    pk = site.register(algorithm)
    _open_breaker(site, pk, pause_sec=60)
    site.execute("UPDATE services SET register_at = register_at - 8")
    site.register(algorithm)
    site.put_many(3)
    site.scan()
    assert len(site.lease().frames) == 1, "a single trial, at once"


def test_learned_figures_of_a_service_survive_a_registration(site: Installation) -> None:
    stub = AlgorithmStub()
    pk = site.register(stub)
    site.execute("UPDATE services SET breaker_failures = 2, ewma_ms = 70, concurrency_cap = 3")
    site.register(stub)
    row = site.service(pk)
    assert (row["breaker_failures"], row["ewma_ms"], row["concurrency_cap"]) == (2, 70, 3)


def test_every_change_of_a_service_is_a_single_event_and_a_heartbeat_none(
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
