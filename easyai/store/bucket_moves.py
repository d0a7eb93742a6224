"""Moving and deleting pictures of a bucket, on condition that they still are the version.

Objects are whole: nobody writes into one, a newer one replaces it. A picture that is moved gets
marks of where it came from and of the installation that moved it: so a move cut short by a crash is
told from a name that another picture has taken, and only what is ours is deleted there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from io import BytesIO
from typing import Final

from minio.datatypes import Object
from minio.error import S3Error

from easyai.domain.frame import KeyRules
from easyai.domain.reason import Reason
from easyai.errors import StoreUnavailableError
from easyai.store.base import Carried, Held
from easyai.store.bucket import Bucket
from easyai.store.bucket_conditions import Conditions
from easyai.store.bucket_objects import check_key, stat_object
from easyai.store.bucket_requests import copy_if, put_if_new, remove_if

_MOVED_FROM: Final = "x-amz-meta-easyai-moved-from"
_OWNER: Final = "x-amz-meta-easyai-installation"
_CLAIM: Final = ".easyai/installation.json"
_LARGEST_CLAIM: Final = 10_000  # bytes


class BucketMoves:
    """What changes in a bucket. `owner` gives the id of this installation."""

    def __init__(self, bucket: Bucket, rules: KeyRules, owner: Callable[[], str]) -> None:
        self._bucket = bucket
        self.rules = rules
        self._owner = owner
        self._conditions = Conditions(bucket, rules.base_path)

    @property
    def ignores(self) -> tuple[str, ...]:
        """Conditions that the server ignores, by name; none before it was tried."""
        return self._conditions.known.ignored if self._conditions.known else ()

    def exists(self, key: str) -> bool:
        """Whether an object lies under the key."""
        return self._stat(key) is not None

    def version(self, key: str) -> str | None:
        """The ETag, or None when there is nothing."""
        found = self._stat(key)
        return None if found is None else found.etag or ""

    def read(self, key: str, limit: int) -> tuple[str, bytes] | None:
        """ETag and content of a small object."""
        check_key(key)
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
            raise StoreUnavailableError(Reason.of("store.too_large", key=key, limit_bytes=limit))
        return response.headers.get("etag", "").replace('"', ""), content

    def hold(self, key: str, frame_id: int, version: str) -> Held:
        """Look at the picture: what follows is done on condition that it still is the version."""
        found = self.version(key)
        if found is None:
            return Held(Carried.MISSING, key)
        return Held(Carried.DONE if found == version else Carried.REPLACED, key)

    def keep(self, source: str, target: str, version: str) -> Carried:
        """Copy a picture in the store, unless it has been copied there; overwrites nothing."""
        version = version or self.version(source) or ""
        there = self._stat(target)
        if there is None:
            copied = self._copy(source, target, version)
            if copied is Carried.DONE:
                return copied
            # Another worker may have copied it since we looked, or something else have come there:
            # the server refuses for either condition in the same words.
            there = self._stat(target)
            if self._is_copy_of(there, source, version):
                return Carried.DONE
            return Carried.TAKEN if there and self.version(source) == version else copied
        if self._is_copy_of(there, source, version):
            return Carried.DONE
        if self.exists(source):
            return Carried.TAKEN
        return Carried.MISSING if version else Carried.DONE

    def drop_copy(self, source: str, target: str, version: str) -> Carried:
        """Remove the copy, known by its marks."""
        there = self._stat(target)
        if there is None:
            return Carried.MISSING
        copied = self._is_copy_of(there, source, version)
        return self._remove(target, there) if copied else Carried.REPLACED

    def move(self, source: str, target: str, version: str, frame_id: int = 0) -> Carried:
        """Copy in the store, then delete; goes on where a crash has cut it short."""
        version = version or self.version(source) or ""
        kept = self.keep(source, target, version)
        if kept is Carried.DONE:
            self.delete(source, version)  # leaves a newer picture alone: that is another frame
        return kept

    def delete(self, key: str, version: str, frame_id: int = 0) -> Carried:
        """Remove an object that still is the version; one that has gone already is MISSING."""
        found = self._stat(key)
        if found is None:
            return Carried.MISSING
        if version and found.etag != version:
            return Carried.REPLACED
        return self._remove(key, found)

    def discard(self, key: str, version: str) -> Carried:
        """Remove a picture that carries the marks of this installation."""
        found = self._stat(key)
        if found is None:
            return Carried.MISSING
        return self._remove(key, found) if self._is_ours(found) else Carried.REPLACED

    def held(self) -> Iterator[str]:
        """None: pictures of a bucket keep their key until they are moved."""
        return iter(())

    def release(self, held: str) -> Carried:
        """Nothing is under a private name."""
        return Carried.MISSING

    def claim(self, content: bytes, *, replace: bool = False) -> bytes:
        """Put a claim below the base path, unless there is one; what stands there then."""
        key = f"{self.rules.base_path}{_CLAIM}"
        there = None if replace else self.read(key, _LARGEST_CLAIM)
        if there is None:
            self._put_claim(key, content, new=not replace and self._conditions.kept().put)
            # Where the store keeps to no condition the last one of two at once stands.
            there = self.read(key, _LARGEST_CLAIM)
        return there[1] if there else content

    def _put_claim(self, key: str, content: bytes, *, new: bool) -> None:
        name, kind = self._bucket.name, "application/json"
        with suppress(S3Error), self._bucket.asking() as client:  # another one was faster
            if new:
                put_if_new(client, name, key, content, kind)
            else:
                client.put_object(name, key, BytesIO(content), len(content), kind)

    def _remove(self, key: str, found: Object) -> Carried:
        """Delete what was found under a key, and where the server can tell nothing newer."""
        told = self._conditions.kept().delete and found.etag
        try:
            with self._bucket.asking() as client:
                if told:
                    remove_if(client, self._bucket.name, key, told)
                else:
                    client.remove_object(self._bucket.name, key)
        except S3Error:
            # Some servers answer for an object that has gone as for a newer one.
            return Carried.REPLACED if self.exists(key) else Carried.MISSING
        return Carried.DONE

    def _stat(self, key: str) -> Object | None:
        return stat_object(self._bucket, key)

    def _copy(self, source: str, target: str, version: str) -> Carried:
        check_key(source)
        marks = {
            "Content-Type": _content_type(source),
            _MOVED_FROM: _mark(source, version),
            _OWNER: self._owner(),
        }
        new = self._conditions.kept().target
        try:
            with self._bucket.asking() as client:
                copy_if(
                    client, self._bucket.name, source, target, etag=version, new=new, marks=marks
                )
        except S3Error as error:
            return Carried.MISSING if error.code == "NoSuchKey" else Carried.REPLACED
        return Carried.DONE if self._was_of(source, version) else self._undo(target)

    def _was_of(self, source: str, version: str) -> bool:
        """Whether a copy made just now is of the version, where the server cannot be trusted.

        A source that has gone was deleted as the version, by whoever was faster.
        """
        if not version or self._conditions.kept().copy:
            return True
        return self.version(source) in (version, None)

    def _undo(self, target: str) -> Carried:
        with suppress(S3Error), self._bucket.asking() as client:  # it has gone already
            client.remove_object(self._bucket.name, target)
        return Carried.REPLACED

    def _is_copy_of(self, there: Object | None, source: str, version: str) -> bool:
        if there is None or there.metadata is None or not self._is_ours(there):
            return False
        return there.metadata.get(_MOVED_FROM) == _mark(source, version)

    def _is_ours(self, there: Object) -> bool:
        """Whether a move put it there; those of earlier releases did not note who moved."""
        marks = there.metadata or {}
        return _MOVED_FROM in marks and marks.get(_OWNER, self._owner()) == self._owner()


def _mark(source: str, version: str) -> str:
    # A digest, because metadata takes ASCII only; an ETag would not do: a copy may get another.
    return hashlib.blake2b(f"{source}\n{version}".encode(), digest_size=16).hexdigest()


def _content_type(key: str) -> str:
    return "image/png" if key.lower().endswith(".png") else "image/jpeg"
