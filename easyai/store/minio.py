"""Frames in an object store that speaks S3, such as MinIO; pictures under presigned links."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import islice

from minio import Minio as Client
from minio.datatypes import Object

from easyai.domain.frame import KeyRules, is_picture
from easyai.settings import Minio
from easyai.store.base import Picture
from easyai.store.bucket import Bucket
from easyai.store.bucket_moves import BucketMoves, check_key

_PAGE = 1000
_TRUST_LISTING_SEC = 5.0
_LONGEST_LINK_SEC = 7 * 86_400  # the most that S3 signs


class MinioStore(BucketMoves):
    """A bucket; safe between threads. Building one asks nothing of the store.

    A version is an ETag.
    """

    remote = True

    def __init__(self, settings: Minio, rules: KeyRules, owner: Callable[[], str]) -> None:
        super().__init__(Bucket(settings), rules, owner)
        self._listing: tuple[float, dict[str, Picture]] = (0.0, {})
        self._listed_before: set[str] = set()

    def walk(self) -> Iterator[list[str]]:
        """Pages of up to 1000 pictures, alerts and failed frames never paged through."""
        listed: set[str] = set()
        with self._bucket.asking() as client:
            pictures = self._pictures(client, self.rules.base_path)
            while page := {picture.key: picture for picture in islice(pictures, _PAGE)}:
                self._listing = (time.monotonic(), page)
                listed.update(page)
                yield list(page)
        self._listed_before = listed

    def ready(self, key: str, stable_sec: float) -> Picture | None:
        """The picture: an object store shows whole objects only.

        Costs no request for a key of the page walked last, unless the walk before listed it too:
        then it may have been carried away since the listing began.
        """
        listed_at, page = self._listing
        fresh = time.monotonic() - listed_at < _TRUST_LISTING_SEC
        if fresh and key in page and key not in self._listed_before:
            return page[key]
        found = self._stat(key)
        return None if found is None else _picture(key, found)

    def gone(self, key: str) -> bool:
        """Whether nothing lies under the key; the bucket was seen within the last seconds."""
        return not self.exists(key)

    def url(self, key: str, ttl_sec: float) -> str:
        """A presigned link, made without a request; it lives for 7 days at most, as S3 allows."""
        check_key(key)
        lifetime = timedelta(seconds=max(1, min(math.ceil(ttl_sec), _LONGEST_LINK_SEC)))
        client = self._bucket.signing_client
        return client.presigned_get_object(self._bucket.name, key, expires=lifetime)

    def free_percent(self) -> float | None:
        """Nobody can say: S3 has no such question."""
        return None

    def check(self) -> None:
        """Raise StoreUnavailableError when the bucket cannot be reached or is not there."""
        self._bucket.check()

    def _pictures(self, client: Client, prefix: str) -> Iterator[Picture]:
        if prefix.startswith(self.rules.excluded):
            return
        # Folder by folder only as far as one to leave out lies below; the rest is one listing.
        by_folder = any(folder.startswith(prefix) for folder in self.rules.excluded)
        name = self._bucket.name
        for found in client.list_objects(name, prefix or None, recursive=not by_folder):
            key = found.object_name or ""
            if is_picture(key):
                yield _picture(key, found)
            elif by_folder and found.is_dir and key != prefix:
                yield from self._pictures(client, key)


def _picture(key: str, found: Object) -> Picture:
    modified_at = found.last_modified.timestamp() if found.last_modified else time.time()
    return Picture(key, found.etag or "", modified_at)
