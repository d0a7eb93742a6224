"""Buckets that keep versions: easyai sees the current objects alone."""

from __future__ import annotations

from collections import Counter

import pytest
from minio.commonconfig import ENABLED, GOVERNANCE
from minio.objectlockconfig import DAYS, ObjectLockConfig
from minio.versioningconfig import SUSPENDED, VersioningConfig

from easyai.store.frame_store import Carried
from tests.integration.store.places import BucketPlace, jpeg, walked
from tests.support.seaweed_server import SeaweedServer

KEY, TARGET = "人数统计/门口2/latest.jpg", "alerts/人数统计/门口2/latest.jpg"


@pytest.fixture(params=["never", "on", "suspended", "locked"])
def kept(request: pytest.FixtureRequest, object_server: SeaweedServer) -> BucketPlace:
    """A bucket whose versions are kept, or were, or are locked for a day."""
    object_server.start()
    place = BucketPlace(object_server)
    if request.param == "locked":
        place.bucket += "-locked"
        place.client.make_bucket(place.bucket, object_lock=True)
        place.client.set_object_lock_config(place.bucket, ObjectLockConfig(GOVERNANCE, 1, DAYS))
    elif request.param != "never":
        place.client.set_bucket_versioning(place.bucket, VersioningConfig(ENABLED))
    if request.param == "suspended":
        place.put(KEY, jpeg("of the time before"))
        place.remove(KEY)
        place.client.set_bucket_versioning(place.bucket, VersioningConfig(SUSPENDED))
    return place


def test_versioned_bucket_keeps_all_conditions_and_shows_current_pictures_only(
    kept: BucketPlace,
) -> None:
    store = kept.store()
    store.check()
    assert store.ignores == ()
    for text in ("1", "2", "3"):
        kept.put(KEY, jpeg(text))
    version = store.version(KEY) or ""
    assert walked(store) == {KEY}
    assert store.move(KEY, TARGET, version) is Carried.DONE
    assert store.move(KEY, TARGET, version) is Carried.DONE, "asked for again after a crash"
    assert (kept.content(KEY), kept.content(TARGET)) == (None, jpeg("3"))
    assert walked(store) == set()
    kept.put(KEY, jpeg("4"))
    assert store.delete(KEY, version) is Carried.REPLACED
    assert store.delete(KEY, store.version(KEY) or "") is Carried.DONE
    assert store.discard(TARGET, version) is Carried.DONE
    assert walked(store) == set()
    assert (kept.content(KEY), kept.content(TARGET)) == (None, None)


def test_versioned_bucket_keeps_each_deleted_picture(kept: BucketPlace) -> None:
    versions = kept.client.get_bucket_versioning(kept.bucket).status
    store = kept.store()
    kept.put(KEY, jpeg("1"))
    assert store.delete(KEY, store.version(KEY) or "") is Carried.DONE
    listing = kept.client.list_objects(kept.bucket, prefix=KEY, include_version=True)
    found = Counter(version.is_delete_marker for version in listing if version.object_name == KEY)
    # Suspended: versions of the time before stay. A lifecycle rule gives this space back.
    assert (found[False] > 0) == (versions in (ENABLED, SUSPENDED))
