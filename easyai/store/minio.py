"""Frames in an object store with the S3 protocol, such as MinIO; pictures have presigned links."""

from __future__ import annotations

import math
from collections.abc import Callable

from easyai.domain.frame import KeyRules
from easyai.settings.schema import Minio
from easyai.store.bucket import Bucket
from easyai.store.bucket_moves import BucketMoves
from easyai.store.bucket_objects import check_key
from easyai.store.bucket_watch import BucketWatch

_LONGEST_LINK_SEC = 7 * 86_400  # the most that S3 signs


class MinioStore(BucketMoves):
    """A bucket; safe between threads. The constructor sends no request to the store.

    A version is an ETag.
    """

    remote = True

    def __init__(self, settings: Minio, rules: KeyRules, owner: Callable[[], str]) -> None:
        super().__init__(Bucket(settings), rules, owner)

    def watch(self) -> BucketWatch:
        """A new memory of the bucket for a scanner."""
        return BucketWatch(self._bucket, self.rules)

    def gone(self, key: str) -> bool:
        """Whether the key does not exist, in a bucket that answered within the last seconds."""
        return not self.exists(key)

    def url(self, key: str, ttl_sec: float) -> str:
        """A presigned link, made without a request; valid for 7 days at most, the limit of S3."""
        check_key(key)
        lifetime_sec = max(1, min(math.ceil(ttl_sec), _LONGEST_LINK_SEC))
        return self._bucket.signing_client.link(key, lifetime_sec)

    def free_percent(self) -> float | None:
        """Return None: S3 has no request for free space."""
        return None

    def check(self) -> None:
        """Raise StoreUnavailableError when the bucket cannot be reached or is not there."""
        self._bucket.check()
        self._conditions.kept()
