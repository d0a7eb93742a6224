"""A camera that writes a newer picture between any two requests of a move loses none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from easyai.domain.frame import KeyRules
from easyai.store.condition_names import DELETE
from easyai.store.frame_store import Carried
from easyai.store.minio import MinioStore
from tests.integration.store.between import Between
from tests.integration.store.places import BucketPlace, jpeg

KEY, TARGET = "人数统计/门口2/latest.jpg", "alerts/人数统计/门口2/latest.jpg"
NEWER, OLD = jpeg("newer"), jpeg("1")


@pytest.fixture
def between(bucket: BucketPlace) -> Iterator[Between]:
    """The proxy before the bucket's server."""
    with Between(bucket.server.port) as proxy:
        yield proxy


def store_behind(between: Between, bucket: BucketPlace) -> MinioStore:
    """A store that sees the bucket through the fake, and has tried its conditions."""
    settings = bucket.server.settings(bucket.bucket).model_copy(
        update={"endpoint": between.endpoint}
    )
    store = MinioStore(settings, KeyRules(), lambda: "we")
    store.check()
    return store


def is_lost_where_nothing_can_be_done(store: MinioStore, between: Between, number: int) -> bool:
    """Whether it came before a deletion, of a server that deletes whatever lies there."""
    return DELETE in store.ignores and between.asked[number - 1 : number] == ["DELETE"]


@pytest.mark.parametrize("number", range(1, 6))
def test_newer_picture_arriving_at_any_step_of_a_move_is_kept(
    bucket: BucketPlace, between: Between, number: int
) -> None:
    store = store_behind(between, bucket)
    bucket.put(KEY, OLD)
    version = store.version(KEY) or ""
    between.before(number, lambda: bucket.put(KEY, NEWER))
    moved = store.move(KEY, TARGET, version)
    if len(between.asked) < number:
        bucket.put(KEY, NEWER)
    assert bucket.content(TARGET) == (OLD if moved is Carried.DONE else None)
    assert moved in (Carried.DONE, Carried.REPLACED)
    lost = is_lost_where_nothing_can_be_done(store, between, number)
    assert bucket.content(KEY) == (None if lost else NEWER)
    assert lost == (bucket.content(KEY) is None), "as diagnosis/report/words.py promises"


@pytest.mark.parametrize("number", [1, 2])
def test_newer_picture_arriving_at_any_step_of_a_deletion_is_kept(
    bucket: BucketPlace, between: Between, number: int
) -> None:
    store = store_behind(between, bucket)
    bucket.put(KEY, OLD)
    version = store.version(KEY) or ""
    between.before(number, lambda: bucket.put(KEY, NEWER))
    deleted = store.delete(KEY, version)
    late = len(between.asked) < number
    if late:
        bucket.put(KEY, NEWER)
    lost = is_lost_where_nothing_can_be_done(store, between, number)
    assert deleted is (Carried.DONE if lost or late else Carried.REPLACED)
    assert bucket.content(KEY) == (None if lost else NEWER)
