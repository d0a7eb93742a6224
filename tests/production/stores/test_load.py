"""Four workers on a bucket: none lost, none inferred twice, though its server is killed."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from easyai.errors import StoreUnavailableError
from easyai.pipeline import intake
from easyai.tasks.sweep import sweep
from tests.integration.pipeline.bucket_site import use_bucket
from tests.integration.store.places import BucketPlace, jpeg
from tests.production.conftest import Proves
from tests.production.proof import Proof
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.site import TYPE, Installation
from tests.support.waiting import wait_until

pytestmark = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
WORKERS, PICTURES = 4, 200


@pytest.fixture
def site(
    migrated_url: str, tmp_path: Path, bucket: BucketPlace, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Installation]:
    """An installation whose frames lie in the bucket."""
    use_bucket(monkeypatch, bucket.server.settings(bucket.bucket))
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
            with suppress(StoreUnavailableError):
                intake.scan(runtime)
            sweep(runtime)  # which retries moves that failed
            loop.pump(TYPE, 0.3)
            over.wait(0.1)

    threads = [threading.Thread(target=work) for _ in range(WORKERS)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join(30)


def _put(bucket: BucketPlace, first: int) -> list[str]:
    keys = [f"{TYPE}/门口{n % 5}/{n:04}.jpg" for n in range(first, first + PICTURES)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda key: bucket.put(key, jpeg(key)), keys))
    return keys


def _carried(site: Installation, count: int) -> bool:
    sql = "SELECT count(*) AS n FROM frames WHERE state = 'done' AND image_target IS NULL"
    return bool(site.rows(sql)[0]["n"] >= count)


def test_four_workers_infer_each_picture_once_and_lose_none_when_the_server_is_killed(
    site: Installation, algorithm: AlgorithmStub, bucket: BucketPlace, proves: Proves
) -> None:
    algorithm.download = True
    site.register(algorithm)
    with _workers(site):
        keys = _put(bucket, 0)
        wait_until(lambda: _carried(site, PICTURES), 120, "all are done", 0.1)
        assert Counter(algorithm.image_paths) == Counter(keys), "each once at the detector"
        keys += _put(bucket, PICTURES)
        enough = PICTURES + PICTURES // 4
        wait_until(lambda: site.count("done") >= enough, 120, "a part of them is done", 0.01)
        bucket.server.kill()
        assert site.count("done") < 2 * PICTURES, "killed under load"
        bucket.server.start()
        wait_until(lambda: _carried(site, 2 * PICTURES), 180, "all are done", 0.1)
    assert Counter(frame["key"] for frame in site.frames()) == Counter(keys)
    assert {frame["outcome"] for frame in site.frames()} == {"alert"}
    paths = [alert["image_path"] for alert in site.alerts()]
    assert Counter(paths) == Counter(f"alerts/{key}" for key in keys)
    assert all(bucket.content(f"alerts/{key}") == jpeg(key) for key in keys)
    assert not [key for key in keys if bucket.content(key) is not None]
    proves(Proof("SeaweedFS", "killed under four workers, started again", 2 * PICTURES))
