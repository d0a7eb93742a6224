"""Several workers on a bucket whose listings are some seconds old: no picture is taken twice."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest
from urllib3.exceptions import MaxRetryError

from easyai.errors import StoreUnavailableError
from easyai.pipeline import intake
from easyai.store import bucket_watch
from tests.faults.conftest import Trials
from tests.faults.outcome import Outcome
from tests.integration.pipeline.bucket_site import use_bucket
from tests.integration.store.places import BucketPlace, jpeg, started
from tests.integration.store.stale_listing import StaleListings
from tests.integration.store.swift_server import SwiftServer
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.site import TYPE, Installation
from tests.support.site_fixtures import migrated_url, no_variables_of_the_caller
from tests.support.waiting import wait_until

__all__ = ["migrated_url", "no_variables_of_the_caller"]
pytestmark = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
WORKERS, PAGE = 4, 20
STALE_SEC = 2.0
_FAULT, _KIND = "listings of a bucket 2 s old, in pages, seen by 4 workers", "workers alone"


@pytest.fixture(scope="module")
def server() -> Iterator[SwiftServer]:
    """An object store with larger pages than in other tests, as there are many pictures."""
    yield from started(SwiftServer(page=PAGE))


@pytest.fixture
def bucket(server: SwiftServer) -> BucketPlace:
    """A fresh bucket."""
    return BucketPlace(server)


@pytest.fixture
def listings(bucket: BucketPlace) -> Iterator[StaleListings]:
    """The proxy before the object store."""
    with StaleListings(bucket.server.port, STALE_SEC) as fake:
        yield fake


@pytest.fixture
def site(
    migrated_url: str,
    tmp_path: Path,
    bucket: BucketPlace,
    listings: StaleListings,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Installation]:
    """An installation that sees the bucket through the fake."""
    use_bucket(monkeypatch, bucket.server.settings(bucket.bucket), listings.endpoint)
    installation = Installation(tmp_path, migrated_url, scan_interval_sec=0.2)
    yield installation
    installation.close()


@contextmanager
def _workers(site: Installation) -> Iterator[None]:
    """Workers that scan and infer as fast as they can, each with a memory of its own."""
    over = threading.Event()

    def work() -> None:
        runtime = site.open()
        loop = site.loop(runtime)
        while not over.is_set():
            with suppress(StoreUnavailableError):  # 503, where the server has too much to do
                intake.scan(runtime)
            loop.pump(TYPE, 0.3)
            over.wait(0.2)

    threads = [threading.Thread(target=work) for _ in range(WORKERS)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join(20)


def _put(bucket: BucketPlace, key: str) -> bool:
    """Whether the server took it; a camera tries again as well."""
    try:
        bucket.put(key, jpeg(key))
    except MaxRetryError:
        return False
    return True


def _done(site: Installation, count: int) -> None:
    wait_until(lambda: site.count("done") >= count, 240, "all are done", 0.1)


def _seen_again(listings: StaleListings) -> None:
    """Every worker has looked at pages that are old by now."""
    limit = listings.shown_again + 2 * WORKERS
    wait_until(lambda: listings.shown_again >= limit, 20, "old pages were seen", 0.1)


def _called_again(site: Installation, algorithm: AlgorithmStub) -> str:
    """Which frames were called more than once, and what the ledger knows of the earlier calls."""
    calls = Counter(algorithm.image_paths)
    again = {path for path, number in calls.items() if number > 1}
    sql = "SELECT key, attempts, tries, leased_at, settled_at FROM frames WHERE tries > 0"
    events = site.rows("SELECT at, kind, subject, text FROM events")
    return f"{len(again)} paths: {sorted(again)[:5]}; {site.rows(sql)[:5]}; {events}"


@pytest.mark.parametrize("pictures", [40, pytest.param(300, marks=pytest.mark.faults)])
def test_each_picture_makes_a_single_frame_call_and_alert_with_four_workers(
    trials: Trials,
    site: Installation,
    algorithm: AlgorithmStub,
    bucket: BucketPlace,
    listings: StaleListings,
    monkeypatch: pytest.MonkeyPatch,
    pictures: int,
) -> None:
    keys = [f"{TYPE}/门口{number % 5}/{number}.jpg" for number in range(pictures)]
    site.register(algorithm)
    with _workers(site):
        # In their first minute workers ask for each picture anew; later their memory must do.
        for newcomer_sec, up_to in ((60.0, pictures // 2), (0.0, pictures)):
            monkeypatch.setattr(bucket_watch, "_NEWCOMER_SEC", newcomer_sec)
            for key in keys[up_to - pictures // 2 : up_to]:
                wait_until(partial(_put, bucket, key), 60, f"{key} is written", 0.5)
            _done(site, up_to)
            _seen_again(listings)
    counts = (len(site.frames()), algorithm.count, len(site.alerts()))
    assert counts == (pictures, pictures, pictures), _called_again(site, algorithm)
    trials.record(Outcome(_FAULT, _KIND, put_in=pictures, alerts=pictures))
