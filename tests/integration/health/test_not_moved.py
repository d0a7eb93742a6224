"""An endpoint that dies beside others of its service_id has not moved: its alarm rings."""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from easyai.domain.reason import Reason
from easyai.messages.catalogue import text
from easyai.registry import registration, vitals
from easyai.service_http import probe
from easyai.tasks.sweep import sweep
from tests.integration.health.homes import ID, homes, passed, state_of, sweeps, work
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.lively import look, processes_work
from tests.support.ports import free_port
from tests.support.site import Installation
from tests.support.waiting import wait_until
from tests.support.watchdogs import Watchdogs

__all__ = ["homes"]

pytestmark = pytest.mark.sqlite_only


def test_service_registered_a_day_later_elsewhere_has_not_moved(
    site: Installation, homes: list[AlgorithmStub]
) -> None:
    old, new, _ = homes
    old.stop()
    site.execute("UPDATE services SET state = 'offline', state_reason = 'probe failed'")
    passed(site, 86_400)
    site.register(new)
    sweeps(site)
    state, reason = state_of(site, old)
    assert (state, "moved" in reason) == ("offline", False)


def test_endpoint_that_hangs_when_another_starts_has_not_moved(
    site: Installation, homes: list[AlgorithmStub], monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new, _ = homes
    monkeypatch.setattr(probe, "PROBE_TIMEOUT_SEC", 0.3)
    old.stop()
    with socket.create_server(("127.0.0.1", old.port)):
        site.register(new)
        sweep(site.runtime)
        assert state_of(site, old) == ("online", "registered"), "it may be busy"
        site.execute("UPDATE services SET last_evidence = last_evidence - 100")
        for _ in range(2):
            sweep(site.runtime)
    state, reason = state_of(site, old)
    assert (state, "no answer" in reason, "moved" in reason) == ("offline", True, False)


def test_endpoint_that_goes_offline_while_an_unanswered_probe_waits_is_not_set_online(
    site: Installation, homes: list[AlgorithmStub], monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new, _ = homes
    monkeypatch.setattr(probe, "PROBE_TIMEOUT_SEC", 0.3)

    def offline_meanwhile(*asked: Any) -> dict[int, Reason]:
        answers = probe.probe_all(*asked)
        site.execute("UPDATE services SET state = 'offline' WHERE endpoint = :it", it=old.endpoint)
        return answers

    old.stop()
    with socket.create_server(("127.0.0.1", old.port)):
        site.register(new)
        monkeypatch.setattr(vitals, "probe_all", offline_meanwhile)
        sweep(site.runtime)
    assert state_of(site, old)[0] == "offline"


@contextmanager
def _answering(port: int, answer: bytes) -> Iterator[None]:
    """A process that answers each connection with these bytes; b'': it resets the connection."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.sendall(answer)

    class Server(socketserver.TCPServer):
        allow_reuse_address = True

    with Server(("127.0.0.1", port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("answer", [b"", b"no HTTP\r\n\r\n"])
def test_endpoint_whose_health_is_broken_when_another_starts_has_not_moved(
    site: Installation, homes: list[AlgorithmStub], answer: bytes
) -> None:
    old, new, _ = homes
    old.stop()
    with _answering(old.port, answer):
        site.register(new)
        for _ in range(2):
            sweep(site.runtime)
        assert state_of(site, old) == ("online", "registered"), "a process listens there"


def test_endpoint_with_a_dead_health_url_at_another_port_has_not_moved(
    site: Installation, homes: list[AlgorithmStub]
) -> None:
    old, new, _ = homes
    site.register(old, health_url=f"http://127.0.0.1:{free_port()}/health")
    site.execute("UPDATE services SET register_at = register_at - 600")
    site.register(new)
    for _ in range(2):
        sweep(site.runtime)
    assert state_of(site, old) == ("online", "registered"), "its endpoint may live"


def test_idle_endpoint_that_dies_after_it_was_seen_beside_a_second_has_not_moved(
    site: Installation, watchdogs: Watchdogs, homes: list[AlgorithmStub]
) -> None:
    old, other, _ = homes
    site.register(other)
    sweep(site.runtime)
    assert old.health_checks == 1, "asked at once, because its service may have moved"
    sweep(site.runtime)
    assert (old.health_checks, other.health_checks) == (1, 0), "and only once"
    watchdogs.start()
    old.stop()
    site.execute("UPDATE services SET last_evidence = last_evidence - 100")
    for _ in range(2):
        sweep(site.runtime)
    state, reason = state_of(site, old)
    assert (state, "moved" in reason) == ("offline", False)
    wait_until(lambda: "service_offline" in watchdogs.kinds(), 10, "the offline alarm is raised")


def test_reason_and_diagnosis_name_the_same_heartbeats_of_a_killed_endpoint(
    site: Installation, homes: list[AlgorithmStub]
) -> None:
    old, other, _ = homes
    site.register(other)
    sweep(site.runtime)
    for stub in (old, other):
        registration.heartbeat(site.runtime, stub.endpoint)
    for number in range(3):
        work(site, f"both-{number}")
    old.stop()
    for number in range(3):
        work(site, f"one-{number}", 40)
        registration.heartbeat(site.runtime, other.endpoint)
        sweep(site.runtime)
    state, reason = state_of(site, old)
    assert (state, "calls fail" in reason) == ("offline", True)
    processes_work(site)
    (cause,) = look(site, probes=False).causes
    assert "no heartbeat has come since the last answer" in text(cause.title)
    assert "heartbeats of its id arrive" not in reason


@pytest.mark.parametrize("again", [False, True])
def test_dead_endpoint_beside_a_working_endpoint_of_its_id_has_not_moved(
    site: Installation, watchdogs: Watchdogs, homes: list[AlgorithmStub], again: bool
) -> None:
    old, other, _ = homes
    site.register(other)
    work(site, "both")
    passed(site, 7200)
    work(site, "both, later")
    watchdogs.start()
    old.stop()
    if again:
        # The machine was restarted: this endpoint came up, the other did not.
        site.execute(
            "UPDATE services SET state = 'offline' WHERE endpoint = :it", it=other.endpoint
        )
        site.register(other)
    sweeps(site, 4, frames=40)  # so many that the slower service gets some
    state, reason = state_of(site, old)
    assert (state, "moved" in reason) == ("offline", False)
    wait_until(lambda: "service_offline" in watchdogs.kinds(), 10, "the offline alarm is raised")


def test_idle_endpoint_that_dies_long_after_a_second_started_has_not_moved(
    site: Installation, homes: list[AlgorithmStub]
) -> None:
    old, other, _ = homes
    passed(site, 7200)
    site.register(other)
    passed(site, 3600)
    old.stop()
    for _ in range(3):
        registration.heartbeat(site.runtime, ID)
        sweep(site.runtime)
    state, reason = state_of(site, old)
    assert (state, "moved" in reason) == ("offline", False)


def test_dead_endpoint_of_several_has_not_moved_when_another_starts(
    site: Installation, homes: list[AlgorithmStub]
) -> None:
    old, other, new = homes
    site.register(other)
    work(site, "both")
    passed(site, 7200)
    old.stop()
    site.register(new)
    sweeps(site)
    state, reason = state_of(site, old)
    assert (state, "moved" in reason) == ("offline", False), "the other lived on: nobody can tell"


def test_endpoint_lost_before_others_has_not_moved_when_a_later_one_restarts_elsewhere(
    site: Installation, homes: list[AlgorithmStub]
) -> None:
    lost, restarted, added = homes
    site.register(restarted)
    work(site, "both")
    passed(site, 3600)
    lost.stop()
    sweeps(site, 4, frames=40)
    assert state_of(site, lost)[0] == "offline"
    passed(site, 3600)
    site.register(added)
    sweeps(site)
    passed(site, 3600)
    registration.heartbeat(site.runtime, ID)
    restarted.stop()
    with AlgorithmStub(ID) as new:
        site.register(new)
        for due in ("1 = 1", "1 = 1", f"endpoint = '{lost.endpoint}'"):
            site.execute(f"UPDATE services SET next_probe_at = 0 WHERE state <> 'online' AND {due}")
            sweep(site.runtime)
            for stub in (lost, restarted):
                assert "moved" not in state_of(site, stub)[1], "the added endpoint lived beside it"


def test_dead_endpoint_of_several_started_together_has_not_moved(
    site: Installation, homes: list[AlgorithmStub]
) -> None:
    old, other, _ = homes
    site.execute("UPDATE services SET register_at = :now, state_since = :now", now=time.time())
    site.register(other)
    old.stop()
    sweeps(site)
    state, reason = state_of(site, old)
    assert (state, "moved" in reason) == ("offline", False)


def test_endpoint_that_dies_after_working_beside_a_second_has_not_moved(
    site: Installation, homes: list[AlgorithmStub]
) -> None:
    old, other, _ = homes
    site.register(other)
    for number in range(3):
        work(site, f"both-{number}")
    old.stop()
    sweeps(site, frames=40)  # so many that the slower of the two services gets some
    state, reason = state_of(site, old)
    assert (state, "moved" in reason) == ("offline", False)
