"""100,000 pictures in a bucket (20,000 in CI): each is listed once; a new picture does not wait."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from easyai.store.frame_store import Watch
from tests.integration.store.places import BucketPlace, jpeg
from tests.production.effort import IN_FULL
from tests.production.stores.many_keys import load
from tests.support.seaweed_server import SeaweedServer

COUNT: Final = 100_000 if IN_FULL else 20_000
CAMERAS, SCANNERS = 50, 4
_MOST_BYTES = 64 * 2**20  # by which the process may grow


def _scan(watch: Watch, interval: float) -> list[str]:
    """The keys that a scan lists in its time."""
    return [key for listing in watch.listings(time.monotonic() + interval) for key in listing.keys]


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def test_each_of_many_pictures_is_listed_once_a_round_and_new_pictures_within_a_scan(
    object_server: SeaweedServer,
    bucket: BucketPlace,
    record_property: Callable[[str, object], None],
) -> None:
    keys = [f"人数统计/cam{n % CAMERAS:02}/{n:06}.jpg" for n in range(COUNT)]
    began = time.monotonic()
    load(object_server, bucket.bucket, keys)
    record_property("load_sec", time.monotonic() - began)
    store = bucket.store()
    store.check()

    began = time.monotonic()
    before = peak = _resident_bytes()
    watch, found = store.watch(), 0
    seen = bytearray(COUNT)
    for listing in watch.listings(math.inf):
        assert len(listing.keys) <= 1000
        found += len(listing.keys)
        for key in listing.keys:
            seen[int(key[-10:-4])] += 1
        peak = max(peak, _resident_bytes())
    record_property("round_sec", time.monotonic() - began)
    record_property("grown_bytes", peak - before)
    assert found == COUNT
    assert set(seen) == {1}
    assert peak - before < _MOST_BYTES

    watches = [store.watch() for _ in range(SCANNERS)]
    for watched in watches:
        _scan(watched, 1.0)  # a piece of a round, wherever it begins
    new = {f"人数统计/cam{n:02}/{COUNT + n:06}.jpg" for n in range(CAMERAS)}
    for key in new:
        bucket.put(key, jpeg(key))
    missing, scans = set(new), 0
    while missing:
        scans += 1
        assert scans <= 10 * SCANNERS, f"{len(missing)} new pictures wait behind {COUNT} others"
        missing -= set(_scan(watches[scans % SCANNERS], 1.0))
    record_property("scans_until_new_ones_are_seen", scans)
