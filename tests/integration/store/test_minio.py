"""A bucket with a history: crashes in the middle of a move, other writers, other regions."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from easyai.domain.frame import KeyRules
from easyai.errors import InvalidKeyError, StoreUnavailableError
from easyai.s3.kept_connections import Connections
from easyai.s3.s3_connection import Answer, Request
from easyai.store import bucket_pages
from easyai.store.bucket_conditions import Kept
from easyai.store.condition_names import TARGET as TARGET_CONDITION
from easyai.store.frame_store import Carried
from easyai.store.minio import MinioStore
from tests.integration.store.places import BucketPlace, jpeg, listed, look, started, walked
from tests.integration.store.swift_server import PAGE, SwiftServer

KEY, TARGET = "人数统计/门口2/a b.jpg", "alerts/人数统计/门口2/a b.jpg"


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The requests to object stores, method and URL, as they are made."""
    requested: list[str] = []
    original = Connections.ask

    def ask(self: Connections, request: Request) -> Answer:
        requested.append(request.data.partition(b" HTTP/")[0].decode())
        return original(self, request)

    monkeypatch.setattr(Connections, "ask", ask)
    return requested


@pytest.fixture(scope="module")
def far_server() -> Iterator[SwiftServer]:
    """An object store in a region of its own."""
    yield from started(SwiftServer("eu-central-7"))


def test_signed_link_works_without_credentials_and_only_unchanged(bucket: BucketPlace) -> None:
    store = bucket.store()
    for key in (KEY, "t/cam/100%25 + 'q'\"&=?#;.jpg"):
        bucket.put(key, jpeg(key))
        url = store.url(key, 3600)
        assert requests.get(url, timeout=5).content == jpeg(key)
        assert bucket.server.secret_key not in url
        longer = url.replace("X-Amz-Expires=3600", "X-Amz-Expires=3601")
        assert requests.get(longer, timeout=5).status_code == 403


@pytest.mark.parametrize(
    ("ttl_sec", "expires"), [(3600, 3600), (0.5, 1), (86_400.2, 86_401), (1e9, 604_800)]
)
def test_link_is_signed_without_a_request_and_lives_at_most_7_days(
    bucket: BucketPlace, sent: list[str], ttl_sec: float, expires: int
) -> None:
    store = bucket.store()
    sent.clear()
    query = parse_qs(urlsplit(store.url(KEY, ttl_sec)).query)
    assert query["X-Amz-Expires"] == [str(expires)]
    assert sent == []


def test_a_key_longer_than_s3_allows_is_refused(bucket: BucketPlace) -> None:
    store = bucket.store()
    for key in ("t/cam/" + "长" * 340 + ".jpg", " "):
        with pytest.raises(InvalidKeyError):
            store.url(key, 3600)
        with pytest.raises(InvalidKeyError):
            look(store, key, 2.0)


def test_store_in_another_region_is_used_without_a_region_setting(
    far_server: SwiftServer, sent: list[str]
) -> None:
    place = BucketPlace(far_server)
    place.put(KEY, jpeg("1"))
    store = place.store()
    assert walked(store) == {KEY}
    sent.clear()
    url = store.url(KEY, 3600)
    assert sent == []
    assert requests.get(url, timeout=5).content == jpeg("1")
    assert store.move(KEY, TARGET, "") is Carried.DONE


def test_region_is_requested_once(bucket: BucketPlace, sent: list[str]) -> None:
    store = bucket.store()
    for _ in range(3):
        assert store.exists(KEY) is False
        assert walked(store) == set()
    assert sum("location" in request for request in sent) == 1


def test_alerts_are_never_listed_to_find_frames(bucket: BucketPlace, sent: list[str]) -> None:
    for number in range(PAGE + 1):
        bucket.put(f"alerts/t/cam/{number}.jpg", jpeg("1"))
    bucket.put("t/cam/1.jpg", jpeg("1"))
    store = bucket.store()
    store.check()
    store.claim(b"we")  # below .easyai/, which is not paged through either
    watch = store.watch()
    assert listed(watch) == {"t/cam/1.jpg"}
    first, sent[:] = list(sent), []
    assert listed(watch) == {"t/cam/1.jpg"}
    assert len(sent) == 2  # the folders at the top, then t/
    sent += first  # which looked for a camera to begin at, too
    assert not any("prefix=alerts" in request for request in sent)


def test_walk_lists_the_base_path_only(bucket: BucketPlace) -> None:
    for key in ("cams/t/c/1.jpg", "cams2/t/c/2.jpg", "t/c/3.jpg", "alerts/t/c/4.jpg"):
        bucket.put(key, jpeg(key))
    rules = KeyRules("cams/", ("alerts/", "failed/"))
    store = MinioStore(bucket.server.settings(bucket.bucket, "cams/"), rules, lambda: "we")
    assert walked(store) == {"cams/t/c/1.jpg"}


def test_folder_markers_of_consoles_are_no_frames(bucket: BucketPlace) -> None:
    for marker in ("t/", "t/cam/", "alerts/"):
        bucket.client.put_object(bucket.bucket, marker, io.BytesIO(), 0)
    bucket.put("t/cam/1.jpg", jpeg("1"))
    assert walked(bucket.store()) == {"t/cam/1.jpg"}


def test_new_pictures_of_a_walk_are_ready_without_a_request_each(
    bucket: BucketPlace, sent: list[str]
) -> None:
    keys = [f"t/cam/{number}.jpg" for number in range(2 * PAGE)]
    for key in keys:
        bucket.put(key, jpeg(key))
    watch = bucket.store().watch()
    for listing in watch.listings(math.inf):
        sent.clear()
        pictures = watch.whole_pictures(listing.keys, 2.0, set())
        assert sent == []
        assert [picture.key for picture in pictures] == listing.keys
    assert len(watch.whole_pictures(keys, 2.0, set())) == len(
        keys
    )  # whether they were listed or not


def test_a_picture_carried_away_while_it_was_listed_is_not_ready(bucket: BucketPlace) -> None:
    bucket.put(KEY, jpeg("1"))
    watch = bucket.store().watch()
    listing = next(watch.listings(math.inf))
    bucket.remove(KEY)  # inferred and deleted by now
    assert (listing.keys, listing.first) == ([KEY], True)
    assert look(watch, KEY, wary=True) is None


def test_cut_listing_goes_on_at_its_last_key(bucket: BucketPlace, sent: list[str]) -> None:
    keys = [f"t/cam/{number:03}.jpg" for number in range(3 * PAGE)]
    for key in keys:
        bucket.put(key, jpeg(key))
    watch, found = bucket.store().watch(), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bucket_pages, "PAGE", PAGE)
        for _ in range(3):
            sent.clear()
            found += [key for page in watch.listings(until=0.0) for key in page.keys]
            assert len(sent) <= 4
    assert found == keys
    assert listed(watch) == set()  # the end of that round
    assert listed(watch) == set(keys)


def test_a_move_cut_short_between_copy_and_deletion_is_finished(
    bucket: BucketPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.put(KEY, jpeg("1"))
    store = bucket.store()
    version = store.version(KEY) or ""
    _cut_short(store, version, monkeypatch)
    assert bucket.content(KEY) == bucket.content(TARGET) == jpeg("1")
    for again in (version, ""):
        assert store.move(KEY, TARGET, again) is Carried.DONE
        assert bucket.content(KEY) is None
        assert bucket.content(TARGET) == jpeg("1")


def test_move_cut_short_keeps_a_picture_that_the_camera_wrote_since(
    bucket: BucketPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.put(KEY, jpeg("1"))
    store = bucket.store()
    version = store.version(KEY) or ""
    _cut_short(store, version, monkeypatch)
    bucket.put(KEY, jpeg("newer"))
    assert store.move(KEY, TARGET, version) is Carried.DONE
    assert bucket.content(KEY) == jpeg("newer")
    assert bucket.content(TARGET) == jpeg("1")


@pytest.mark.parametrize("written_since", [None, jpeg("newer")])
def test_a_move_that_another_worker_finishes_first_is_done(
    bucket: BucketPlace, monkeypatch: pytest.MonkeyPatch, written_since: bytes | None
) -> None:
    bucket.put(KEY, jpeg("1"))
    store, other = bucket.store(), bucket.store()
    version = store.version(KEY) or ""
    copy = store._copy

    def copy_too_late(source: str, target: str, version: str, *more: Any) -> Carried:
        assert other.move(source, target, version) is Carried.DONE
        if written_since:
            bucket.put(source, written_since)
        return copy(source, target, version, *more)

    monkeypatch.setattr(store, "_copy", copy_too_late)
    assert store.move(KEY, TARGET, version) is Carried.DONE
    assert bucket.content(KEY) == written_since
    assert bucket.content(TARGET) == jpeg("1")


def test_copy_by_another_installation_of_the_same_picture_is_not_ours(
    bucket: BucketPlace,
) -> None:
    bucket.put(KEY, jpeg("1"))
    store, other = bucket.store(), bucket.store(owner="another site")
    version = store.version(KEY) or ""
    assert other.keep(KEY, TARGET, version) is Carried.DONE
    assert store.drop_copy(KEY, TARGET, version) is Carried.REPLACED
    assert store.move(KEY, TARGET, version) is Carried.TAKEN
    assert bucket.content(KEY) == bucket.content(TARGET) == jpeg("1")


def test_first_of_two_concurrent_claims_returns_the_second(
    bucket: BucketPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, other = bucket.store(), bucket.store()
    store._conditions.known = Kept(copy=True, delete=False, put=False)
    with store._bucket.asking() as client:
        put = client.put

    def put_and_be_overtaken(*claim: Any, **options: Any) -> None:
        put(*claim, **options)
        other.claim(b"theirs", replace=True)  # it had looked before

    monkeypatch.setattr(client, "put", put_and_be_overtaken)
    assert store.claim(b"ours") == b"theirs"


def test_first_of_two_concurrent_claims_wins_in_a_store_with_conditions(
    bucket: BucketPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, other = bucket.store(), bucket.store()
    read = store.read
    looked: list[str] = []

    def read_and_be_overtaken(key: str, limit: int) -> tuple[str, bytes] | None:
        found = read(key, limit)
        if not looked:
            assert other.claim(b"theirs") == b"theirs"
        looked.append(key)
        return found

    monkeypatch.setattr(store, "read", read_and_be_overtaken)
    assert store.claim(b"ours") == b"theirs"
    assert other.claim(b"theirs") == b"theirs"


@pytest.mark.parametrize("written", [jpeg("of another site"), jpeg("1")])
def test_copy_overwrites_no_newer_target_in_a_store_with_conditions(
    bucket: BucketPlace, monkeypatch: pytest.MonkeyPatch, written: bytes
) -> None:
    bucket.put(KEY, jpeg("1"))
    store = bucket.store()
    if not store._conditions.kept().target:
        assert TARGET_CONDITION in store.ignores
        return
    copy = store._copy

    def copy_too_late(source: str, target: str, version: str, *more: Any) -> Carried:
        bucket.put(target, written)
        return copy(source, target, version, *more)

    monkeypatch.setattr(store, "_copy", copy_too_late)
    assert store.move(KEY, TARGET, store.version(KEY) or "") is Carried.TAKEN
    assert bucket.content(TARGET) == written
    assert bucket.content(KEY) == jpeg("1")


@pytest.mark.parametrize(
    ("key", "kind"), [("t/cam/1.PNG", "image/png"), ("t/cam/1.jpeg", "image/jpeg")]
)
def test_moved_picture_keeps_its_content_type(bucket: BucketPlace, key: str, kind: str) -> None:
    bucket.put(key, jpeg("1"))
    store = bucket.store()
    assert store.move(key, f"alerts/{key}", "") is Carried.DONE
    answer = requests.get(store.url(f"alerts/{key}", 60), timeout=5)
    assert answer.headers["Content-Type"] == kind


def _cut_short(store: MinioStore, version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(key: str, version: str) -> Carried:
        raise StoreUnavailableError("the process dies here")

    with monkeypatch.context() as patch:
        patch.setattr(store, "delete", die)
        with pytest.raises(StoreUnavailableError, match="dies here"):
            store.move(KEY, TARGET, version)
