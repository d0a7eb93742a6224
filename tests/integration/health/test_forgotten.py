"""An endpoint left by a move is forgotten after a day of silence, and comes back by itself."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from easyai.db import alerts, clock, frames, live_rows, metrics, service_history
from easyai.domain.service import FORGOTTEN
from easyai.errors import ServiceNotFoundError
from easyai.registry import registration, unregistration
from easyai.registry.views import service_list
from easyai.tasks.sweep import sweep
from tests.integration.health.homes import ID, homes, state_of, sweeps, work
from tests.support.algorithm_stub import AlgorithmStub, detections
from tests.support.lively import codes, look, processes_work
from tests.support.site import TYPE, Installation

__all__ = ["homes"]

DAY_SEC = 86_400.0


def _move(site: Installation, old: AlgorithmStub, new: AlgorithmStub) -> None:
    old.stop()
    site.register(new)
    sweeps(site)
    assert state_of(site, old)[1].endswith(f"; moved to {new.endpoint}")


def _silent(
    site: Installation, stub: AlgorithmStub, seconds: float = DAY_SEC + 60, probes: int = 100
) -> None:
    """Let an endpoint have been silent for so long, and not have answered so many probes."""
    site.execute(
        "UPDATE services SET last_evidence = last_evidence - :seconds, probe_failures = :probes,"
        " state_since = state_since - :seconds, next_probe_at = 0 WHERE endpoint = :endpoint",
        endpoint=stub.endpoint,
        seconds=seconds,
        probes=probes,
    )


def _forgotten(site: Installation) -> list[str]:
    sql = "SELECT endpoint FROM services WHERE state_reason_code = :code"
    return [row["endpoint"] for row in site.rows(sql, code=FORGOTTEN)]


def _forget(site: Installation, old: AlgorithmStub, new: AlgorithmStub) -> None:
    _move(site, old, new)
    _silent(site, old)
    sweep(site.runtime)
    assert _forgotten(site) == [old.endpoint]


def _listed(site: Installation) -> list[list[str]]:
    """The endpoints on the dashboard, among its strips, and in the facts of a report."""
    with site.runtime.db.read() as conn:
        now = clock.now(conn)
        shown = [row.endpoint for row in live_rows.services(conn, now)]
        strips = [*service_history.strips(service_history.read(conn, now - 3600, now))]
    snapshot = look(site).facts.snapshot
    assert snapshot is not None
    return [shown, strips, [service.endpoint for service in snapshot.services]]


def test_moved_endpoint_is_forgotten_after_a_day_of_silence(
    site: Installation, homes: list[AlgorithmStub], caplog: pytest.LogCaptureFixture
) -> None:
    old, new, _ = homes
    caplog.set_level("INFO")
    _move(site, old, new)
    assert sorted(_listed(site)[0]) == sorted([old.endpoint, new.endpoint])
    with site.runtime.db.read() as conn:
        before = metrics.read(conn).registered
    assert len(before.breakers) == 2
    _silent(site, old)
    sweep(site.runtime)

    assert _listed(site) == [[new.endpoint]] * 3
    assert state_of(site, old)[0] == "offline"
    (event,) = site.rows("SELECT subject, text FROM events WHERE kind = 'service_forgotten'")
    assert event["subject"] == old.endpoint
    assert f"no sign of life for a day; moved to {new.endpoint}" in event["text"]
    (line,) = [line for line in caplog.messages if "service forgotten" in line]
    assert f"endpoint={old.endpoint} moved_to={new.endpoint}" in line
    processes_work(site)
    assert codes(look(site)) == [], "not even a remark"
    with site.runtime.db.read() as conn:
        registered = metrics.read(conn, before).registered
    assert (registered.services, len(registered.breakers)) == ({(TYPE, "online"): 1}, 1)
    known = service_list(site.runtime, everything=True)["services"]
    assert [entry["state_reason"] for entry in known if entry["endpoint"] == old.endpoint] == [
        f"no sign of life for a day; moved to {new.endpoint}; not listed any more, but still probed"
    ]
    sweeps(site)
    assert len(site.rows("SELECT 1 AS one FROM events WHERE kind = 'service_forgotten'")) == 1


def test_frames_and_alerts_of_a_forgotten_endpoint_stay_readable(
    site: Installation, homes: list[AlgorithmStub]
) -> None:
    old, new, _ = homes
    old.answer = lambda frame: detections(1)
    work(site, "with detections", 1)
    (alert,) = site.rows("SELECT id, frame_id FROM alerts")
    _forget(site, old, new)
    with site.runtime.db.read() as conn:
        frame = frames.get(conn, alert["frame_id"])
        row = alerts.get(conn, alert["id"])
    assert frame is not None
    assert row is not None
    assert (frame.endpoint, frame.service_id, row.algorithm_id) == (old.endpoint, ID, ID)


@pytest.mark.sqlite_only
@pytest.mark.parametrize(("seconds", "probes"), [(DAY_SEC - 600, 1400), (DAY_SEC * 9, 90)])
def test_endpoint_silent_for_less_than_a_day_of_probes_stays_listed(
    site: Installation, homes: list[AlgorithmStub], seconds: float, probes: int
) -> None:
    old, new, _ = homes
    _move(site, old, new)
    _silent(site, old, seconds, probes)
    sweep(site.runtime)
    assert state_of(site, old)[1].endswith(f"; moved to {new.endpoint}")
    assert _forgotten(site) == []


def test_dead_endpoint_that_has_not_moved_is_never_forgotten(
    site: Installation, homes: list[AlgorithmStub]
) -> None:
    old, other, _ = homes
    site.register(other)
    site.execute("UPDATE services SET register_at = register_at - 600, state_since = register_at")
    work(site, "both")
    old.stop()
    sweeps(site)
    for days in (2, 30):
        _silent(site, old, days * DAY_SEC, 10_000)
        sweeps(site)
        assert state_of(site, old)[0] == "offline"
    assert _forgotten(site) == []
    assert old.endpoint in _listed(site)[0]


@pytest.mark.sqlite_only
def test_endpoint_is_not_forgotten_while_its_id_lives_nowhere(
    site: Installation, homes: list[AlgorithmStub]
) -> None:
    old, new, _ = homes
    _move(site, old, new)
    new.stop()
    _silent(site, old)
    site.execute("UPDATE services SET last_evidence = last_evidence - 600")
    sweep(site.runtime)  # the new endpoint is suspect and does not answer
    assert _forgotten(site) == []
    unregistration.unregister(site.runtime, new.endpoint)
    site.execute("UPDATE services SET next_probe_at = 0")
    sweep(site.runtime)
    assert _forgotten(site) == []


def _by_registration(site: Installation, old: AlgorithmStub) -> None:
    site.register(old)


def _by_heartbeat(site: Installation, old: AlgorithmStub) -> None:
    registration.heartbeat(site.runtime, old.endpoint)


def _by_probe(site: Installation, old: AlgorithmStub) -> None:
    del old
    sweep(site.runtime)  # not due yet
    assert len(_forgotten(site)) == 1
    site.execute("UPDATE services SET next_probe_at = next_probe_at - 601 WHERE state = 'offline'")
    sweep(site.runtime)


@pytest.mark.parametrize("come_back", [_by_registration, _by_heartbeat, _by_probe])
def test_forgotten_endpoint_comes_back_by_any_sign_of_life_of_its_own(
    site: Installation,
    homes: list[AlgorithmStub],
    come_back: Callable[[Installation, AlgorithmStub], None],
) -> None:
    old, new, _ = homes
    _forget(site, old, new)
    old.start()
    registration.heartbeat(site.runtime, ID)
    assert state_of(site, old)[0] == "offline", "the new endpoint sends these heartbeats"
    come_back(site, old)
    assert state_of(site, old)[0] == "online"
    assert sorted(_listed(site)[0]) == sorted([old.endpoint, new.endpoint])
    new.stop()
    work(site, "alone again")
    assert site.rows("SELECT count(*) AS n FROM frames WHERE state <> 'done'")[0]["n"] == 0


def test_service_that_never_registers_again_comes_back_when_its_id_lives_nowhere_else(
    site: Installation, homes: list[AlgorithmStub]
) -> None:
    old, new, _ = homes
    _forget(site, old, new)
    unregistration.unregister(site.runtime, new.endpoint)
    old.start()  # its machine is back; field clients only print that a heartbeat failed
    with pytest.raises(ServiceNotFoundError):
        registration.heartbeat(site.runtime, ID)
    sweep(site.runtime)
    assert state_of(site, old)[0] == "online"


def test_forgotten_endpoint_is_probed_at_once_when_its_id_lives_nowhere(
    site: Installation, homes: list[AlgorithmStub]
) -> None:
    old, new, _ = homes
    _forget(site, old, new)
    new.stop()
    site.execute("UPDATE services SET last_evidence = last_evidence - 600 WHERE state = 'online'")
    old.start()
    for _ in range(3):
        sweep(site.runtime)
    assert (state_of(site, old)[0], state_of(site, new)[0]) == ("online", "offline")


@pytest.mark.sqlite_only
def test_forgotten_endpoints_are_probed_rarely_and_cost_heartbeats_nothing(
    site: Installation, homes: list[AlgorithmStub]
) -> None:
    old, new, _ = homes
    _forget(site, old, new)
    sql = "SELECT next_probe_at, last_heartbeat FROM services WHERE endpoint = :endpoint"
    (before,) = site.rows(sql, endpoint=old.endpoint)
    assert 500 < before["next_probe_at"] - time.time() <= 600
    registration.heartbeat(site.runtime, ID)
    sweep(site.runtime)
    assert site.rows(sql, endpoint=old.endpoint) == [before]
    site.execute("UPDATE services SET next_probe_at = 9e12 WHERE state = 'offline'")
    sweep(site.runtime)  # the clock was set back
    assert site.rows(sql, endpoint=old.endpoint)[0]["next_probe_at"] < time.time() + 601
