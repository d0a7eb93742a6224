"""A remote PostgreSQL: a transaction takes long, and waits for those of other machines."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from easyai.db import clock, ledger, migrate
from easyai.db.ledger import LeasedFrame
from easyai.pipeline import dispatcher
from easyai.pipeline import transaction as transaction_module
from easyai.pipeline.dispatch import dispatch
from easyai.pipeline.infer import InferenceLoop
from easyai.pipeline.service_cache import ServiceCache
from tests.support.algorithm_stub import AlgorithmStub, Frame
from tests.support.site import TYPE, Installation
from tests.support.waiting import wait_until

LEASE_SEC = 2.0


@pytest.fixture
def site(tmp_path: Path, postgres_url: str) -> Iterator[Installation]:
    """An installation on PostgreSQL with short leases."""
    migrate.upgrade(postgres_url)
    with closing(Installation(tmp_path, postgres_url, lease_sec=LEASE_SEC)) as made:
        yield made


@contextmanager
def _working(site: Installation) -> Iterator[InferenceLoop]:
    loop = InferenceLoop(site.open())
    try:
        yield loop
    finally:
        loop.drain(5.0)


def test_leases_are_renewed_while_a_transaction_waits_for_other_machines(
    site: Installation,
) -> None:
    def delay(frame: Frame) -> float:
        return 2.5 * LEASE_SEC if "00000" in frame["image_path"] else 0.2

    with AlgorithmStub(delay=delay) as stub:
        site.register(stub, max_concurrency=2)
        site.put_many(3)  # a frame more than places: the worker leases it with the first answer
        site.scan()
        with _working(site) as loop:
            loop.wake(TYPE)
            stub.wait_for(2)
            with site.runtime.db.dispatching():  # another machine, whose network is slow
                time.sleep(2 * LEASE_SEC)  # the transaction of the quick answer waits all the time
            _is_done(site)
        assert stub.count == 3, "no call was given up and made again"


def test_lease_begins_after_the_wait_for_the_dispatch_lock(
    site: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    with AlgorithmStub() as stub:
        site.register(stub)
        site.put_many(1)
        site.scan()
        with _working(site) as loop:
            with site.runtime.db.dispatching():
                loop.wake(TYPE)
                time.sleep(1.2 * LEASE_SEC)
            _is_done(site)
    assert "not renewed in time" not in caplog.text, "it was called at once"


def test_after_a_wait_for_the_dispatch_lock_answers_are_settled_without_it(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher, "_LOOK_AGAIN_SEC", 60.0)  # only answers cause transactions
    waits = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    with AlgorithmStub(delay=1.0) as stub:
        site.register(stub, max_concurrency=1)
        site.put_many(2)  # a frame more than places: the first answer may lease the second frame
        site.scan()
        with _working(site) as loop:
            with site.runtime.db.dispatching():
                loop.wake(TYPE)
                wait_until(lambda: site.rows(waits), 8, "the worker waits for the lock")
            stub.wait_for(1)
            with site.open().db.dispatching():
                wait_until(lambda: site.count("done") == 1, 8, "the answer is settled")
                assert site.count("leased") == 0, "only the holder of the lock leases"
            _is_done(site)
        assert stub.count == 2


def test_workers_without_places_check_less_often_when_transactions_are_slow(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[float] = []

    def slow_transaction(*arguments: Any, **options: Any) -> Any:
        looks.append(time.monotonic())
        time.sleep(0.4)
        return transaction_module.run_transaction(*arguments, **options)

    with AlgorithmStub(delay=60.0) as stub:
        site.register(stub, max_concurrency=1)
        site.put_many(2)
        site.scan()
        assert site.lease().frames, "the one place is another worker's"
        monkeypatch.setattr(dispatcher, "run_transaction", slow_transaction)
        with _working(site) as loop:
            loop.wake(TYPE)
            wait_until(lambda: looks, 10, "it looks")
            time.sleep(4.0)
        # Every 0.6 s it would look seven times and more; with the longer pause every 2 s.
        assert len(looks) <= 4


def _is_done(site: Installation) -> None:
    left = "SELECT id FROM frames WHERE state <> 'done'"
    wait_until(lambda: not site.rows(left), 20, "all frames are done")


@pytest.mark.parametrize("first", ["leases", "services"])
def test_place_that_was_freed_and_taken_away_during_a_lease_is_not_given(
    site: Installation, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    """Whichever is read first: another worker settles its calls and lowers the cap in between."""
    with AlgorithmStub() as stub:
        site.register(stub, max_concurrency=4)
    site.put_many(8)
    site.scan()
    assert len(_leased(site, "a")) == 4

    def settle() -> None:
        monkeypatch.undo()
        site.execute("UPDATE frames SET state = 'done' WHERE state = 'leased'")
        site.execute("UPDATE services SET concurrency_cap = 1")

    part: tuple[Any, str] = (
        (ledger, "in_flight") if first == "leases" else (ServiceCache, "refresh")
    )
    read = getattr(*part)

    def then_settled(*arguments: Any) -> Any:
        result = read(*arguments)
        settle()
        return result

    monkeypatch.setattr(*part, then_settled)
    assert len(_leased(site, "b")) <= 1


def _leased(site: Installation, token: str) -> list[LeasedFrame]:
    database, settings = site.runtime.db, site.runtime.settings
    with database.dispatching() as conn:
        return dispatch(conn, settings, ServiceCache(), token, clock.now(conn)).frames
