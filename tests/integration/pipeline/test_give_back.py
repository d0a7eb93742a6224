"""Frames that a worker cannot finish are returned before their leases expire."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.algorithm_stub import AlgorithmStub
from tests.support.site import TYPE, Installation
from tests.support.waiting import wait_until


@contextmanager
def _locked(site: Installation) -> Iterator[None]:
    """Lock the database as a hanging writer does."""
    connection = sqlite3.connect(site.database_url.removeprefix("sqlite:///"), isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.close()


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
def test_cancelled_leases_are_returned_once_the_database_is_back(
    site: Installation, algorithm: AlgorithmStub, caplog: pytest.LogCaptureFixture
) -> None:
    site.configure(lease_sec=1.0)
    site.register(algorithm)
    algorithm.delay = 60.0
    site.put_many(3)
    site.scan()
    site.loop().pump(TYPE, 0.2)
    wait_until(lambda: algorithm.running == 3, 10, "in flight")
    with _locked(site):
        wait_until(lambda: "calls given up: frames=3" in caplog.text, 10, "the calls have ended")
        assert site.count("leased") == 3
    # No sweep runs here: the frames do not return by expiring.
    wait_until(lambda: site.count("pending") == 3, 10, "the leases are given back")


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
def test_drain_does_not_wait_for_a_hanging_database(
    site: Installation, algorithm: AlgorithmStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("easyai.db.engines.BUSY_TIMEOUT_SEC", 12)
    site.register(algorithm)
    algorithm.delay = 60.0
    site.put_many(2)
    site.scan()
    loop = site.loop()
    loop.pump(TYPE, 0.2)
    wait_until(lambda: algorithm.running == 2, 10, "in flight")
    with _locked(site):
        began = time.monotonic()
        loop.drain(0.5)
        assert time.monotonic() - began < 9


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
def test_shortened_lease_does_not_end_a_call_in_flight(
    site: Installation, algorithm: AlgorithmStub, caplog: pytest.LogCaptureFixture
) -> None:
    site.configure(lease_sec=15.0)
    site.register(algorithm)
    algorithm.delay = 5.0
    site.put_many(3)
    site.scan()
    site.loop().pump(TYPE, 0.2)
    wait_until(lambda: algorithm.running == 3, 10, "in flight")
    since = time.monotonic()
    wait_until(lambda: time.monotonic() - since > 2, 10, "the last renewal is older than a lease")
    site.configure(lease_sec=1.0)
    wait_until(lambda: site.count("done") == 3, 10, "answered")
    assert algorithm.count == 3, "none was sent twice"
    assert "given up" not in caplog.text


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
def test_lengthened_lease_is_renewed_before_the_short_lease_expires(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    site.configure(lease_sec=2.0)
    site.register(algorithm)
    algorithm.delay = 60.0
    site.put_many(3)
    site.scan()
    site.loop().pump(TYPE, 0.2)
    wait_until(lambda: algorithm.running == 3, 10, "in flight")
    site.configure(lease_sec=60.0)

    def ends_in_sec() -> float:
        (row,) = site.rows("SELECT min(lease_expires_at) AS at FROM frames")
        return float(row["at"]) - time.time()

    wait_until(lambda: ends_in_sec() > 30, 5, "renewed with the new length")
