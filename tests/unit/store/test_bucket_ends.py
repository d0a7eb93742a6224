"""Live cameras of a bucket are seen beside any backlog: folders are listed from their ends."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from unicodedata import normalize

import pytest

from easyai.domain.frame import KeyRules
from easyai.store.bucket_watch import BucketWatch
from tests.unit.store.listed_bucket import PAGE, Clock, ListedBucket, put_clock_below

# 1,200 pages
LONG = [f"人数统计/cam{c:02}/{n:05}.jpg" for c in range(20) for n in range(60 * PAGE)]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of this test."""
    return put_clock_below(monkeypatch)


def watch_of(bucket: ListedBucket) -> BucketWatch:
    """A worker's watch."""
    return BucketWatch(bucket, KeyRules())  # type: ignore[arg-type]


def scan(watch: BucketWatch, clock: Clock) -> dict[str, bool]:
    """The keys that a scan of a second lists, each with whether it may be of the backlog."""
    tick = clock.now
    seen = {key: listing.first for listing in watch.listings(tick + 1.0) for key in listing.keys}
    clock.now = max(clock.now + 0.25, tick + 1.0)
    return seen


def no_room() -> bool:
    """Memory holds no more of a backlog."""
    return False


def longest_wait(clock: Clock, watch: BucketWatch, put: Callable[[int], str], scans: int) -> float:
    """How long it takes, at worst, until a picture put in before a scan has been seen."""
    waiting: dict[str, float] = {}
    worst = 0.0
    for number in range(scans):
        waiting[put(number)] = clock.now
        for key in scan(watch, clock):
            if key in waiting:
                worst = max(worst, clock.now - waiting.pop(key))
    return max([worst, *(clock.now - since for since in waiting.values())])


def test_live_cameras_behind_the_backlog_of_another_type_are_seen_within_seconds(
    clock: Clock,
) -> None:
    random.seed(1)
    live = [f"绊线人数统计/live{n:03}/20251114-000000.000.jpg" for n in range(100)]
    bucket = ListedBucket(clock, LONG + live)
    watch = watch_of(bucket)
    for _ in range(10):
        scan(watch, clock)  # a page of each camera

    def put(number: int) -> str:
        key = f"绊线人数统计/live{number % 100:03}/20251114-{number + 1:06}.000.jpg"
        bucket.put(key)
        return key

    assert longest_wait(clock, watch, put, 200) < 4.0


def test_a_camera_that_begins_beside_a_backlog_is_seen_within_seconds(clock: Clock) -> None:
    bucket = ListedBucket(clock, list(LONG))
    watch = watch_of(bucket)
    for _ in range(10):
        scan(watch, clock)

    def put(number: int) -> str:
        key = f"绊线人数统计/new{number:03}/1.jpg"
        bucket.put(key)
        return key

    assert longest_wait(clock, watch, put, 50) < 4.0


def test_picture_found_at_an_end_is_live_once_the_watch_is_established(clock: Clock) -> None:
    bucket = ListedBucket(clock, [*LONG, "绊线/live/1.jpg"])
    watch = watch_of(bucket)
    for _ in range(70):
        scan(watch, clock)
    bucket.put("绊线/live/2.jpg")
    seen = scan(watch, clock)
    assert seen["绊线/live/2.jpg"] is False
    assert any(key in seen and seen[key] for key in LONG)


def test_previews_do_not_hide_frames_listed_before_them(clock: Clock) -> None:
    bucket = ListedBucket(clock, [*LONG, "绊线/live/1.jpg", "绊线/live/preview_1.jpg"])
    watch = watch_of(bucket)
    for _ in range(10):
        scan(watch, clock)
    bucket.put("绊线/live/2.jpg")
    assert "绊线/live/2.jpg" in scan(watch, clock) | scan(watch, clock)


def test_round_finds_smaller_names_and_every_page_of_the_backlog(
    clock: Clock,
) -> None:
    backlog = LONG[: 60 * PAGE]
    bucket = ListedBucket(clock, [*backlog, "绊线/live/5.jpg"])
    watch, seen = watch_of(bucket), set()
    for _ in range(10):
        seen |= set(scan(watch, clock))
    bucket.put("绊线/live/1.jpg")
    for _ in range(30):
        seen |= set(scan(watch, clock))
    assert seen == set(bucket.keys)


def test_no_end_is_listed_where_a_round_takes_a_single_scan(clock: Clock) -> None:
    bucket = ListedBucket(clock, [f"t/cam{n}/1.jpg" for n in range(30)])
    watch = watch_of(bucket)
    scan(watch, clock)
    bucket.requests.clear()
    scan(watch, clock)
    assert bucket.requests == ["", *["t/"] * 4]  # the folders at the top, then three pages


def test_alerts_are_never_listed_for_cameras(clock: Clock) -> None:
    alerts = [f"alerts/t/cam{n}/{m}.jpg" for n in range(30) for m in range(30)]
    near = [f"u/cam/{place}/{n}.jpg" for place in ("alerts", "x") for n in range(3)]
    bucket = ListedBucket(clock, [*LONG, *alerts, *near])
    rules = KeyRules("", ("alerts/", "u/cam/alerts/"))
    watch, seen = BucketWatch(bucket, rules), set()  # type: ignore[arg-type]
    for _ in range(200):
        seen |= set(scan(watch, clock))
    assert seen == {*LONG, *near[3:]}
    assert not any(prefix.startswith(("alerts/", "u/cam/alerts/")) for prefix in bucket.requests)


def test_only_ends_are_listed_while_the_backlog_is_full(
    clock: Clock,
) -> None:
    bucket = ListedBucket(clock, [*LONG, "绊线/live/01.jpg"])
    watch, seen = watch_of(bucket), set()
    for _ in range(10):
        seen |= set(scan(watch, clock))
    for listing in watch.listings(math.inf, no_room):  # the cut round
        seen.update(listing.keys)
    for number in range(2, 60):
        bucket.put(f"绊线/live/{number:02}.jpg")
        listed = [
            key for listing in watch.listings(clock.now + 1.0, no_room) for key in listing.keys
        ]
        assert f"绊线/live/{number:02}.jpg" in listed
        assert len(listed) == 1
        assert watch.cut
        clock.now += 1.0
        seen.update(listed)
    for _ in range(400):
        seen |= set(scan(watch, clock))
    assert seen == set(bucket.keys)


def test_a_live_camera_whose_folder_is_decomposed_is_seen_within_seconds(clock: Clock) -> None:
    folder = normalize("NFD", "Entrée/Café 1")
    bucket = ListedBucket(clock, [*LONG, f"{folder}/20251114-000000.000.jpg"])
    watch = watch_of(bucket)
    for _ in range(10):
        scan(watch, clock)

    def put(number: int) -> str:
        key = f"{folder}/20251114-{number + 1:06}.000.jpg"
        bucket.put(key)
        return key

    assert longest_wait(clock, watch, put, 50) < 4.0
    folders = [prefix for prefix in bucket.requests if prefix.startswith(folder)]
    assert set(folders) == {f"{folder}/"}
    # From behind the last picture, not through all of them again.
    assert watch._ends._last[f"{folder}/"] == max(key for key in bucket.keys if folder in key)
