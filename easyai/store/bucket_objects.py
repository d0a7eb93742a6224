"""Single objects of a bucket, and their pictures."""

from __future__ import annotations

import time

from minio.datatypes import Object
from minio.error import S3Error

from easyai.errors import InvalidKeyError
from easyai.store.bucket import Bucket
from easyai.store.frame_store import Picture
from easyai.store.keys import LONGEST_KEY, split_key


def stat_object(bucket: Bucket, key: str) -> Object | None:
    """The object under a key (a HEAD request), or None; raises StoreUnavailableError."""
    check_key(key)
    try:
        with bucket.asking() as client:
            return client.stat_object(bucket.name, key)
    except S3Error:
        return None


def picture_of(key: str, found: Object | None) -> Picture | None:
    """The picture of an object, with the ETag as version; None for no object or an empty object."""
    if found is None or found.size == 0:
        return None
    modified_at = found.last_modified.timestamp() if found.last_modified else time.time()
    return Picture(key, found.etag or "", modified_at)


def check_key(key: str) -> None:
    """Raise InvalidKeyError for a key that no object can have."""
    split_key(key)
    if len(key.encode()) > LONGEST_KEY or not key.strip():
        raise InvalidKeyError
