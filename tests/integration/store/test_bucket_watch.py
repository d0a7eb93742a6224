"""A scanner trusts its memory of a bucket for seconds, and less in its first minute."""

from __future__ import annotations

import time

import pytest

from easyai.store import bucket_watch
from easyai.store.bucket_watch import BucketWatch
from tests.integration.store.places import BucketPlace, jpeg, listed, look

KEYS = [f"t/cam/{number}.jpg" for number in range(2)]


def _first(watch: BucketWatch) -> bool:
    (listing,) = watch.listings(float("inf"))
    return listing.first


def test_scanner_is_a_newcomer_for_a_minute_and_again_after_a_pause(
    bucket: BucketPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket_watch, "_NEWCOMER_SEC", 1.0)
    bucket.put(KEYS[0], jpeg("1"))
    watch = bucket.store().watch()
    began = time.monotonic()
    while _first(watch):
        assert time.monotonic() - began < 20
        time.sleep(0.05)
    assert time.monotonic() - began > 0.9
    time.sleep(1.1)
    assert _first(watch)


def test_old_listing_entry_is_checked_again_and_then_forgotten(
    bucket: BucketPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket_watch, "_TRUST_LISTING_SEC", 0.2)
    for key in KEYS:
        bucket.put(key, jpeg("1"))
    watch = bucket.store().watch()
    assert listed(watch) == set(KEYS)
    for key in KEYS:
        bucket.remove(key)
    time.sleep(0.3)
    assert look(watch, KEYS[0]) is None
    assert listed(watch) == set()
    assert watch._listed == {}
