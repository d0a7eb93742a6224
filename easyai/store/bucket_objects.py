"""Single objects of a bucket, and their pictures."""

from __future__ import annotations

import time

from easyai.errors import InvalidKeyError
from easyai.s3.client import Found
from easyai.s3.client_errors import S3Error
from easyai.store.bucket import Bucket
from easyai.store.frame_store import Picture
from easyai.store.keys import LONGEST_KEY, split_key


def stat_object(bucket: Bucket, key: str) -> Found | None:
    """The object under a key (a HEAD request), or None; raises StoreUnavailableError."""
    check_key(key)
    try:
        with bucket.asking() as client:
            return client.head(key)
    except S3Error:
        return None


def picture_of(key: str, found: Found | None) -> Picture | None:
    """The picture of an object, with the ETag as version; None for no object or an empty object."""
    if found is None or found.size == 0:
        return None
    modified_at = found.modified_at
    return Picture(key, found.etag, time.time() if modified_at is None else modified_at)


def check_key(key: str) -> None:
    """Raise InvalidKeyError for a key that no object can have."""
    split_key(key)
    if len(key.encode()) > LONGEST_KEY or not key.strip():
        raise InvalidKeyError
