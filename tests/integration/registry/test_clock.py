"""Clock steps: a box without a battery clock comes up hours before its power was lost, or jumps."""

from __future__ import annotations

import time

import pytest
from sqlalchemy import Connection

from easyai.db import ledger, row_repairs
from easyai.tasks.sweep import sweep
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.clocks import let_pass, step_clocks
from tests.support.site import TYPE, Installation

HOUR = 3600.0


@pytest.fixture
def step(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds by which all clocks are off; changed in place."""
    return step_clocks(monkeypatch)


def test_expired_leases_return_and_wake_their_types(
    site: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    site.register(AlgorithmStub())
    site.record(3)
    site.lease(most=2, now=time.time() - 100)
    site.execute("UPDATE frames SET due_at = 0")
    site.lease(most=2)
    report = sweep(site.runtime)
    assert (report.expired_leases, report.woken) == (0, set())
    site.execute("UPDATE frames SET lease_expires_at = 1 WHERE id = 1")
    report = sweep(site.runtime)
    assert (report.expired_leases, report.woken) == (1, {TYPE})
    assert "leases expired, frames wait again" in caplog.text


@pytest.mark.parametrize("hours", [-48.0, -1.0, 1.0, 48.0])
def test_service_with_heartbeats_stays_in_use_after_the_clock_is_set_back(
    site: Installation, algorithm: AlgorithmStub, step: list[float], hours: float
) -> None:
    pk = site.register(algorithm)
    step[0] = hours * HOUR
    for _ in range(3):
        sweep(site.runtime)
        assert site.service(pk)["state"] == "online"
    site.record(1)
    assert len(site.lease().frames) == 1


def test_due_times_of_many_frames_are_repaired_in_short_transactions(
    site: Installation, step: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_repairs, "AT_ONCE", 2)
    pull_back, counts = row_repairs.pull_back, []

    def counted(conn: Connection, now: float) -> int:
        counts.append(pull_back(conn, now))
        return counts[-1]

    monkeypatch.setattr(row_repairs, "pull_back", counted)
    site.register(AlgorithmStub())
    step[0] = HOUR
    site.record(5)
    step[0] = 0.0
    sweep(site.runtime)
    assert counts == [2, 2, 1]
    assert [frame.id for frame in site.lease(most=5).frames] == [1, 2, 3, 4, 5]


def test_frames_found_before_the_clock_was_set_back_are_inferred(
    site: Installation, step: list[float]
) -> None:
    site.register(AlgorithmStub())
    step[0] = HOUR
    site.record(5)
    step[0] = 0.0
    assert site.lease().frames == []
    sweep(site.runtime)
    assert len(site.lease().frames) == 5


def test_a_backoff_of_seconds_is_not_cut_short(site: Installation) -> None:
    site.record(1)
    later = time.time() + 5
    site.execute("UPDATE frames SET due_at = :later", later=later)
    sweep(site.runtime)
    assert site.frames()[0]["due_at"] == later


def test_a_breaker_opened_before_the_clock_was_set_back_gets_its_trial(
    site: Installation, step: list[float]
) -> None:
    site.register(AlgorithmStub())
    site.record(2)
    site.execute("UPDATE services SET breaker_open_until = :at", at=time.time() + HOUR)
    sweep(site.runtime)
    assert len(site.lease(now=time.time() + 0.1).frames) == 1


def test_running_worker_sends_the_trial_of_a_breaker_opened_before_the_clock_was_set_back(
    site: Installation, algorithm: AlgorithmStub, step: list[float]
) -> None:
    site.register(algorithm)
    site.record(1)
    site.execute("UPDATE services SET breaker_open_until = :at", at=time.time() + HOUR)
    loop = site.loop()
    loop.pump(TYPE, 1.0)
    assert algorithm.count == 0
    sweep(site.runtime)
    loop.pump(TYPE, 5.0)
    assert algorithm.count == 1


def test_a_breaker_open_for_less_than_a_minute_stays_open(site: Installation) -> None:
    site.register(AlgorithmStub())
    site.record(2)
    site.execute("UPDATE services SET breaker_open_until = :at", at=time.time() + 59)
    sweep(site.runtime)
    assert site.lease().frames == []


def test_leases_of_a_worker_that_died_before_the_clock_was_set_back_end_soon(
    site: Installation, step: list[float]
) -> None:
    site.configure(max_concurrent_infer=2)
    site.register(AlgorithmStub())
    site.record(4)
    step[0] = HOUR
    site.execute("UPDATE frames SET due_at = 0")
    assert len(site.lease().frames) == 2
    step[0] = 0.0
    assert sweep(site.runtime).expired_leases == 0  # its worker may be alive
    let_pass(step, site.runtime, 16.0)  # lease_sec is 15
    assert sweep(site.runtime).expired_leases == 2
    assert len(site.lease().frames) == 2


def test_leases_of_a_living_worker_outlast_a_clock_that_is_set_back(
    site: Installation, step: list[float]
) -> None:
    site.register(AlgorithmStub())
    site.record(2)
    step[0] = HOUR
    leased = site.lease(now=time.time())
    step[0] = 0.0
    for passed in (0.0, 10.0, 20.0, 30.0):
        step[0] = passed
        assert sweep(site.runtime).expired_leases == 0
        with site.runtime.db.write() as conn:  # as its worker does every lease_sec / 3
            tokens = sorted({frame.lease_token for frame in leased.frames})
            ledger.renew(conn, tokens, time.time() + 15)
    assert site.count("leased") == len(leased.frames) == 2


def test_an_offline_service_is_probed_soon_after_the_clock_was_set_back(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    pk = site.register(algorithm)
    site.execute(
        "UPDATE services SET state = 'offline', next_probe_at = :at", at=time.time() + HOUR
    )
    sweep(site.runtime)
    assert site.service(pk)["state"] == "online"
