"""A round over a bucket comes to its end however many workers share the scans, however seldom."""

from __future__ import annotations

import random

import pytest

from easyai.domain.frame import KeyRules
from easyai.errors import StoreUnavailableError
from easyai.store.bucket_watch import BucketWatch
from tests.unit.store.listed_bucket import PAGE, Clock, ListedBucket, put_clock_below

RULES = KeyRules("site/")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of this test."""
    return put_clock_below(monkeypatch)


def backlog(pages: int, cameras: int) -> list[str]:
    """So many pages of pictures of a single type."""
    each = pages * PAGE // cameras
    return [f"site/人数统计/cam{c:03}/{n:05}.jpg" for c in range(cameras) for n in range(each)]


def watch_of(bucket: ListedBucket, rules: KeyRules = RULES) -> BucketWatch:
    """A worker's watch."""
    return BucketWatch(bucket, rules)  # type: ignore[arg-type]


def piece(watch: BucketWatch, until: float = 0.0) -> list[str]:
    """The keys that a scan lists."""
    return [key for listing in watch.listings(until) for key in listing.keys]


def seen_after(clock: Clock, bucket: ListedBucket, workers: int, interval: float) -> float:
    """Seconds until every picture was listed by some worker, a scan going to any of them."""
    watches = [watch_of(bucket) for _ in range(workers)]
    began, missing = clock.now, set(bucket.keys)
    while missing:
        tick = clock.now
        assert tick - began < 20_000, f"{len(missing)} pictures are never seen"
        missing -= set(piece(random.choice(watches), tick + min(interval, 10.0)))
        clock.now = max(clock.now + min(interval, 10.0) / 4, tick + interval)
    return clock.now - began


def test_round_goes_on_behind_the_last_key_after_any_pause(clock: Clock) -> None:
    bucket = ListedBucket(clock, backlog(6, cameras=3))
    watch = watch_of(bucket)
    found, pieces = piece(watch), 1
    while watch.cut and pieces < 10:
        clock.now += 3600.0
        found += piece(watch)
        pieces += 1
    assert sorted(found) == bucket.keys


@pytest.mark.parametrize(("interval", "page_sec"), [(1.0, 0.1), (4.0, 0.1), (30.0, 0.5)])
def test_single_worker_finishes_a_round_in_as_many_scans_as_its_pages_take(
    clock: Clock, interval: float, page_sec: float
) -> None:
    bucket = ListedBucket(clock, backlog(60, cameras=20), page_sec=page_sec)
    scans = 60 * page_sec / min(interval, 10.0)
    assert seen_after(clock, bucket, 1, interval) < (2 * scans + 3) * 1.3 * interval


@pytest.mark.parametrize("workers", [2, 6, 12, 40])
def test_many_workers_see_the_last_page_as_soon_as_a_single_worker(
    clock: Clock, workers: int
) -> None:
    random.seed(workers)
    bucket = ListedBucket(clock, backlog(60, cameras=20))
    times = sorted(seen_after(clock, bucket, workers, 1.0) for _ in range(20))
    # A single worker takes 12 scans and some, which give half of their time to live cameras; with
    # many workers the time depends on where they begin, and not on their number.
    assert (times[10] < 60.0, times[-1] < 120.0) == (True, True), times


def test_round_goes_on_at_the_key_where_an_error_stopped_it(clock: Clock) -> None:
    bucket = ListedBucket(clock, backlog(6, cameras=3))
    watch, found = watch_of(bucket), []
    for _ in range(9):
        found += piece(watch)
        bucket.fails = True
        with pytest.raises(StoreUnavailableError):
            piece(watch)
        bucket.fails = False
        clock.now += 60.0
    assert set(found) == set(bucket.keys)


def test_a_round_leaves_out_excluded_folders_and_shows_every_other_picture_once(
    clock: Clock,
) -> None:
    keys = [f"{top}/{cam}/{n:02}.jpg" for top in "abt" for cam in "xyz" for n in range(13)]
    left_out = [f"alerts/a/x/{n}.jpg" for n in range(40)] + [f"b/y/{n}.jpg" for n in range(13)]
    keys = [key for key in keys if not key.startswith("b/y/")]
    strays = ["b.jpg", "t/z.jpg", "zz.jpg"]
    bucket = ListedBucket(clock, [*keys, *left_out, *strays])
    for seed in range(20):
        random.seed(seed)
        watch, found = watch_of(bucket, KeyRules("", ("alerts/", "b/y/"))), []
        bucket.requests.clear()
        found += piece(watch)
        while watch.cut:
            found += piece(watch)
            clock.now += 60.0
        assert sorted(found) == sorted([*keys, *strays])
        assert not any(prefix.startswith(("alerts/", "b/y/")) for prefix in bucket.requests)


def test_next_round_begins_when_the_last_round_has_ended(clock: Clock) -> None:
    bucket = ListedBucket(clock, backlog(2, cameras=1))
    watch = watch_of(bucket)
    for new in ("site/a/1/1.jpg", "site/人数统计/cam000/00000a.jpg"):
        assert sorted(piece(watch, float("inf"))) == bucket.keys
        bucket.put(new)


def test_all_pictures_of_the_first_round_count_as_backlog(clock: Clock) -> None:
    bucket = ListedBucket(clock, backlog(6, cameras=1))
    watch = watch_of(bucket)
    firsts = [listing.first for listing in watch.listings(0.0)]
    while watch.cut:
        clock.now += 20.0  # so the first minute ends before the round does
        firsts += [listing.first for listing in watch.listings(0.0)]
    assert firsts == [True] * 6
    assert [listing.first for listing in watch.listings(0.0)] == [False]
