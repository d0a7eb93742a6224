"""Frames in an object store that speaks S3, such as MinIO; pictures under presigned links."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Iterator
from datetime import timedelta
from itertools import islice

from minio import Minio as Client
from minio.commonconfig import REPLACE, CopySource
from minio.datatypes import Object
from minio.error import S3Error

from easyai.domain.frame import KeyRules, is_picture
from easyai.errors import InvalidKeyError, StoreUnavailableError
from easyai.settings import Minio
from easyai.store.base import Carried, Picture
from easyai.store.bucket import Bucket
from easyai.store.keys import LONGEST_KEY, split_key

_PAGE = 1000
_TRUST_LISTING_SEC = 5.0
_LONGEST_LINK_SEC = 7 * 86_400  # the most that S3 signs
_MOVED_FROM = "x-amz-meta-easyai-moved-from"


class MinioStore:
    """A bucket; safe between threads. Building one asks nothing of the store.

    A version is an ETag. A picture that is moved gets a mark of where it came from, so that a move
    cut short by a crash is told from a name that another picture has taken.
    """

    remote = True

    def __init__(self, settings: Minio, rules: KeyRules) -> None:
        self.rules = rules
        self._bucket = Bucket(settings)
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

    def kept(self, folder: str, after: str, most: int) -> list[Picture]:
        """The next pictures below a folder; a store copies whole, so there are no leftovers."""
        name = self._bucket.name
        with self._bucket.asking() as client:
            found = client.list_objects(name, folder, recursive=True, start_after=after or None)
            pictures = (
                _picture(one.object_name or "", one)
                for one in found
                if is_picture(one.object_name or "")
            )
            return list(islice(pictures, most))

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

    def exists(self, key: str) -> bool:
        """Whether an object lies under the key."""
        return self._stat(key) is not None

    def version(self, key: str) -> str | None:
        """The ETag, or None when there is nothing."""
        found = self._stat(key)
        return None if found is None else found.etag or ""

    def read(self, key: str, limit: int) -> tuple[str, bytes] | None:
        """ETag and content of a small object."""
        _check(key)
        try:
            with self._bucket.asking() as client:
                response = client.get_object(self._bucket.name, key)
                try:
                    content = response.read(limit + 1)
                finally:
                    response.close()
        except S3Error:
            return None
        if len(content) > limit:
            raise StoreUnavailableError(f"{key}: larger than {limit} bytes")
        return response.headers.get("etag", "").replace('"', ""), content

    def gone(self, key: str) -> bool:
        """Whether nothing lies under the key; the bucket was seen within the last seconds."""
        return not self.exists(key)

    def move(self, source: str, target: str, version: str) -> Carried:
        """Copy in the store, then delete; goes on where a crash has cut it short."""
        version = version or self.version(source) or ""
        there = self._stat(target)
        if there is None:
            copied = self._copy(source, target, version)
            if copied is not Carried.DONE:
                # Another worker may have moved it since we looked.
                moved = _is_copy_of(self._stat(target), source, version)
                return Carried.DONE if moved else copied
        elif not _is_copy_of(there, source, version):
            if self.exists(source):
                return Carried.TAKEN
            return Carried.DONE
        self.delete(source, version)  # leaves a newer picture alone: that is a frame of its own
        return Carried.DONE

    def delete(self, key: str, version: str) -> Carried:
        """Remove an object; one that has gone already is as good."""
        _check(key)
        if version:
            found = self.version(key)
            if found is None:
                return Carried.DONE
            if found != version:
                return Carried.REPLACED
        try:
            with self._bucket.asking() as client:
                client.remove_object(self._bucket.name, key)
        except S3Error:
            return Carried.DONE
        return Carried.DONE

    def url(self, key: str, ttl_sec: float) -> str:
        """A presigned link, made without a request; it lives for 7 days at most, as S3 allows."""
        _check(key)
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

    def _stat(self, key: str) -> Object | None:
        _check(key)
        try:
            with self._bucket.asking() as client:
                return client.stat_object(self._bucket.name, key)
        except S3Error:
            return None

    def _copy(self, source: str, target: str, version: str) -> Carried:
        _check(source)
        try:
            with self._bucket.asking() as client:
                client.copy_object(
                    self._bucket.name,
                    target,
                    CopySource(self._bucket.name, source, match_etag=version or None),
                    metadata={
                        "Content-Type": _content_type(source),
                        _MOVED_FROM: _mark(source, version),
                    },
                    metadata_directive=REPLACE,
                )
        except S3Error as error:
            return Carried.MISSING if error.code == "NoSuchKey" else Carried.REPLACED
        return Carried.DONE


def _picture(key: str, found: Object) -> Picture:
    modified_at = found.last_modified.timestamp() if found.last_modified else time.time()
    return Picture(key, found.etag or "", modified_at)


def _is_copy_of(there: Object | None, source: str, version: str) -> bool:
    marks = there.metadata if there else None
    return marks is not None and marks.get(_MOVED_FROM) == _mark(source, version)


def _mark(source: str, version: str) -> str:
    # A digest, because metadata takes ASCII only; an ETag would not do: a copy may get another.
    return hashlib.blake2b(f"{source}\n{version}".encode(), digest_size=16).hexdigest()


def _content_type(key: str) -> str:
    return "image/png" if key.lower().endswith(".png") else "image/jpeg"


def _check(key: str) -> None:
    split_key(key)
    if len(key.encode()) > LONGEST_KEY or not key.strip():
        raise InvalidKeyError
