"""Health of services: online → suspect → offline and back, by evidence."""

from __future__ import annotations

import time
from typing import Any

import pytest

from easyai.domain.reason import NO_REASON, Reason
from easyai.domain.service import ServiceState
from easyai.registry import registration, unregistration
from easyai.registry import vitals as module
from easyai.tasks.sweep import SweepReport, sweep
from tests.support.algorithm_stub import AlgorithmStub, detections
from tests.support.site import TYPE, Installation
from tests.support.waiting import wait_until


def _silent_for(site: Installation, pk: int, seconds: float) -> None:
    site.execute(
        "UPDATE services SET last_evidence = :at, last_heartbeat = :at WHERE pk = :pk",
        at=time.time() - seconds,
        pk=pk,
    )


def _due(site: Installation) -> None:
    site.execute("UPDATE services SET next_probe_at = 0")


def _state(site: Installation, pk: int) -> str:
    state: str = site.service(pk)["state"]
    return state


def test_service_within_its_heartbeat_timeout_is_not_probed(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    pk = site.register(algorithm)
    _silent_for(site, pk, 55)
    assert sweep(site.runtime) == SweepReport()
    assert algorithm.health_checks == 0


def test_missing_heartbeat_alone_takes_no_service_out_of_use(
    site: Installation, algorithm: AlgorithmStub, caplog: pytest.LogCaptureFixture
) -> None:
    pk = site.register(algorithm)
    for _ in range(4):
        _silent_for(site, pk, 3600)
        report = sweep(site.runtime)
        assert (report.lapsed, report.revived, report.offline) == (1, 1, 0)
        assert site.service(pk)["state_reason"] == "a probe was answered"
    assert algorithm.health_checks == 4
    assert "heartbeat timeout: service_id=stub" in caplog.text
    assert len(site.lease().frames) == 0
    site.record(1)
    assert len(site.lease().frames) == 1


def test_silent_service_is_used_while_suspect_and_unused_once_offline(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    pk = site.register(algorithm)
    algorithm.stop()
    site.record(3)
    _silent_for(site, pk, 61)
    assert sweep(site.runtime).lapsed == 1
    service = site.service(pk)
    assert (service["state"], service["probe_failures"]) == ("suspect", 1)
    assert service["state_reason"] == "probe failed: Connection refused"
    assert len(site.lease(most=1).frames) == 1
    report = sweep(site.runtime)
    assert (report.offline, _state(site, pk)) == (1, "offline")
    leased = site.lease()
    assert (leased.frames, leased.unserved) == ([], [TYPE])
    assert site.service(pk)["last_heartbeat"] < time.time() - 60


def test_an_offline_service_is_probed_with_growing_pauses(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    pk = site.register(algorithm)
    algorithm.stop()
    _silent_for(site, pk, 61)
    pauses = []
    for _ in range(8):
        sweep(site.runtime)
        if _state(site, pk) == "offline":
            pauses.append(round(site.service(pk)["next_probe_at"] - time.time()))
            assert sweep(site.runtime) == SweepReport()
        _due(site)
    assert pauses == [5, 10, 20, 40, 60, 60, 60]
    since = site.service(pk)["state_since"]
    assert since < time.time()


@pytest.mark.parametrize("status", [200, 404])
def test_offline_service_that_answers_again_is_online_and_its_types_are_woken(
    site: Installation, algorithm: AlgorithmStub, status: int
) -> None:
    algorithm.health_status = status
    pk = site.register(algorithm)
    site.record(1)
    site.execute("UPDATE frames SET due_at = :later", later=time.time() + 50)
    site.execute(
        "UPDATE services SET state = 'offline', probe_failures = 9, next_probe_at = 0,"
        " breaker_failures = 9, breaker_open_until = :later, breaker_pause_sec = 60",
        later=time.time() + 60,
    )
    report = sweep(site.runtime)
    assert (report.revived, report.woken) == (1, {TYPE})
    assert (_state(site, pk), site.service(pk)["probe_failures"]) == ("online", 0)
    assert len(site.lease().frames) == 1, "its frames are due, and its breaker allows a trial"


def test_timeout_and_health_url_of_a_service_override_the_defaults(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    with AlgorithmStub("other") as other:
        pk = site.register(
            algorithm,
            heartbeat_timeout_sec=600,
            health_url=other.endpoint.replace("/infer", "/health"),
        )
        _silent_for(site, pk, 500)
        assert sweep(site.runtime).lapsed == 0
        _silent_for(site, pk, 601)
        assert sweep(site.runtime).lapsed == 1
        assert (other.health_checks, algorithm.health_checks) == (1, 0)


def test_changed_heartbeat_timeout_takes_effect_at_once(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    pk = site.register(algorithm)
    _silent_for(site, pk, 5)
    assert sweep(site.runtime).lapsed == 0
    site.configure(heartbeat_timeout_sec=2)
    assert sweep(site.runtime).lapsed == 1


def test_service_is_suspect_then_offline_then_online_as_its_port_closes_and_opens(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    site.configure(heartbeat_timeout_sec=0.3)
    pk = site.register(algorithm)
    algorithm.stop()

    def is_now(state: str) -> Any:
        def look() -> bool:
            sweep(site.runtime)
            _due(site)
            return _state(site, pk) == state

        return look

    wait_until(is_now("suspect"), 5, "suspect", every=0.05)
    wait_until(is_now("offline"), 5, "offline", every=0.05)
    algorithm.start()
    wait_until(is_now("online"), 5, "online", every=0.05)


def test_successful_inference_revives_a_suspect_service(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    algorithm.answer = lambda frame: detections(0)
    pk = site.register(algorithm)
    site.execute("UPDATE services SET state = 'suspect', state_reason = 'silent'")
    site.put(f"{TYPE}/门口1/1.jpg")
    site.work(site.loop())
    assert (_state(site, pk), site.service(pk)["state_reason"]) == (
        "online",
        "an inference succeeded",
    )


def test_an_unregistered_service_stays_out_whatever_it_answers(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    pk = site.register(algorithm)
    unregistration.unregister(site.runtime, "stub")
    _silent_for(site, pk, 3600)
    assert sweep(site.runtime) == SweepReport()
    assert (_state(site, pk), algorithm.health_checks) == ("unregistered", 0)


@pytest.mark.parametrize("late", ["heartbeat", "unregister", "register"])
def test_state_changed_during_a_sweep_is_not_overwritten(
    site: Installation, algorithm: AlgorithmStub, monkeypatch: pytest.MonkeyPatch, late: str
) -> None:
    pk = site.register(algorithm)
    algorithm.stop()
    site.execute("UPDATE services SET state = 'suspect', probe_failures = 1")
    _silent_for(site, pk, 61)

    def meanwhile(urls: dict[int, str], _networks: object) -> dict[int, Reason]:
        if late == "heartbeat":
            registration.heartbeat(site.runtime, "stub")
        elif late == "register":
            site.register(algorithm)
        else:
            unregistration.unregister(site.runtime, "stub")
        return dict.fromkeys(urls, Reason("connection.refused"))

    monkeypatch.setattr(module, "probe_all", meanwhile)
    sweep(site.runtime)
    wanted = ServiceState.UNREGISTERED if late == "unregister" else ServiceState.ONLINE
    assert _state(site, pk) == wanted


def test_answered_probe_does_not_revive_a_service_unregistered_meanwhile(
    site: Installation, algorithm: AlgorithmStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    pk = site.register(algorithm)
    _silent_for(site, pk, 61)

    def meanwhile(urls: dict[int, str], _networks: object) -> dict[int, Reason]:
        unregistration.unregister(site.runtime, "stub")
        return dict.fromkeys(urls, NO_REASON)

    monkeypatch.setattr(module, "probe_all", meanwhile)
    sweep(site.runtime)
    assert _state(site, pk) == "unregistered"


def test_hung_service_does_not_delay_the_probes_of_others(
    site: Installation, algorithm: AlgorithmStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    from easyai.service_http import probe

    monkeypatch.setattr(probe, "PROBE_TIMEOUT_SEC", 0.5)
    living = site.register(algorithm)
    with socket.create_server(("127.0.0.1", 0)) as server:
        hung = site.register(AlgorithmStub("hung", port=server.getsockname()[1]))
        for pk in (living, hung):
            _silent_for(site, pk, 61)
        for _ in range(2):
            sweep(site.runtime)
    assert (_state(site, living), _state(site, hung)) == ("online", "offline")
    assert site.service(hung)["state_reason"] == "probe failed: no answer within 0.5 s"
