"""A temporary outage costs time, never a frame."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from easyai.db import engines
from easyai.domain import breaker
from easyai.errors import StoreUnavailableError
from tests.support.algorithm_stub import AlgorithmStub, Frame, detections
from tests.support.services import PostgresServer
from tests.support.site import TYPE, Installation
from tests.support.waiting import wait_until

KEY = f"{TYPE}/门口1/1.jpg"


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breaker, "FIRST_PAUSE_SEC", 0.3)
    monkeypatch.setattr(breaker, "LONGEST_PAUSE_SEC", 0.3)


def test_frames_without_a_service_wait_without_losing_attempts(
    site: Installation, algorithm: AlgorithmStub, caplog: pytest.LogCaptureFixture
) -> None:
    site.put_many(20)
    site.scan()
    loop = site.loop()
    for _ in range(3):
        assert loop.pump(TYPE, 1.0).frames == 0
    assert caplog.text.count("no algorithm for task type") == 1
    assert site.count("parked") == 20
    assert len(site.pictures(TYPE)) == 20
    site.register(algorithm)
    site.work(loop)
    assert len(site.alerts()) == algorithm.count == 20


@pytest.mark.parametrize("outage", ["refused", "500", "hangs", "cut"])
def test_all_frames_of_an_outage_are_inferred_when_it_is_over(
    site: Installation, algorithm: AlgorithmStub, outage: str
) -> None:
    site.configure(infer_timeout_sec=0.3, max_attempts=1)
    down: dict[str, Any] = {"500": (500, {}), "cut": None}
    if outage == "refused":
        algorithm.stop()
    elif outage == "hangs":
        algorithm.delay = 60.0
    else:
        algorithm.answer = lambda frame: down[outage]
    pk = site.register(algorithm)
    site.put_many(20)
    site.scan()
    loop = site.loop()
    least = time.monotonic() + 1.0

    def tried() -> bool:
        loop.pump(TYPE, 0.2)
        tries = site.rows("SELECT max(tries) AS t FROM frames")[0]["t"]
        is_open = site.service(pk)["breaker_open_until"] > 0
        return bool(tries and is_open and time.monotonic() > least)

    wait_until(tried, 15, "frames were tried, and the breaker is open")
    assert site.rows("SELECT DISTINCT attempts, state FROM frames WHERE state <> 'leased'") == [
        {"attempts": 0, "state": "pending"}
    ]
    algorithm.delay, algorithm.answer = 0.0, lambda frame: detections(1)
    if outage == "refused":
        algorithm.start()
    site.work(loop)
    assert len(site.alerts()) == 20
    assert {frame["outcome"] for frame in site.frames()} == {"alert"}
    assert site.service(pk)["breaker_open_until"] == 0


def test_frames_of_a_broken_service_go_to_another_service_at_once(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    with AlgorithmStub("broken", answer=lambda frame: (500, {})) as broken:
        pk = site.register(broken)
        site.register(algorithm)
        site.put_many(30)
        site.work(site.loop())
        assert len(site.alerts()) == 30
        assert {alert["algorithm_id"] for alert in site.alerts()} == {"stub"}
        assert broken.count < 30
    assert site.service(pk)["breaker_open_until"] > 0


def test_open_breaker_lets_a_single_trial_through(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    algorithm.answer = lambda frame: (500, {})
    pk = site.register(algorithm)
    site.put_many(40)
    site.scan()
    loop = site.loop()
    loop.pump(TYPE, 0.1)
    wait_until(lambda: site.count("leased") == 0, 10, "the first calls have failed")
    assert site.service(pk)["breaker_open_until"] > 0
    algorithm.forget()
    algorithm.delay = 0.1

    def three_trials() -> bool:
        site.execute("UPDATE frames SET due_at = 0 WHERE state = 'pending'")
        loop.pump(TYPE, 0.1)
        return algorithm.count >= 3

    wait_until(three_trials, 10, "three trials")
    assert algorithm.max_running == 1


@contextlib.contextmanager
def _database_gone(site: Installation, postgres: PostgresServer | None) -> Iterator[None]:
    if postgres is not None:
        postgres.stop()
        yield
        postgres.start()
        return
    other = sqlite3.connect(site.database_url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield
    other.close()


def test_database_outage_during_inference_loses_no_frame(
    site: Installation,
    algorithm: AlgorithmStub,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(engines, "BUSY_TIMEOUT_SEC", 0.4)
    postgres = None if site.runtime.db.is_sqlite else request.getfixturevalue("postgres_server")
    algorithm.delay = 0.3
    site.configure(max_concurrent_infer=20)
    site.register(algorithm)
    site.put_many(60)
    site.scan()
    loop = site.loop(site.open())
    with ThreadPoolExecutor(1) as pool:
        pumping = pool.submit(loop.pump, TYPE, 20.0)
        algorithm.wait_for(20)
        with _database_gone(site, postgres):
            wait_until(lambda: algorithm.running == 0, 5, "the calls are answered")
            wait_until(lambda: "ledger not written" in caplog.text, 10, "it was tried in vain")
        pumping.result()
    site.work(loop)
    assert algorithm.count == len(site.alerts()) == 60
    assert len(site.pictures("alerts")) == 60


def test_store_failure_during_settling_loses_no_answer(
    site: Installation, algorithm: AlgorithmStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, working = site.runtime.store, [True]
    exists = store.exists

    def sometimes(key: str) -> bool:
        if not working[0]:
            raise StoreUnavailableError("the share is not mounted")
        return exists(key)

    def answer(frame: Frame) -> Any:
        working[0] = False
        return detections(1)

    monkeypatch.setattr(store, "exists", sometimes)
    algorithm.answer = answer
    pk = site.register(algorithm)
    site.put_many(5)
    site.scan()
    loop = site.loop()
    loop.pump(TYPE, 1.0)
    algorithm.wait_for(5)
    working[0] = True
    site.work(loop)
    assert algorithm.count == len(site.alerts()) == 5
    assert site.service(pk)["breaker_failures"] == 0
