"""Moves and deletes pictures of a bucket, on condition that they still have the expected version.

Objects are whole: an object never changes, a newer object replaces it. A moved picture carries
marks: its source, its version there, and the installation that moved it. The marks distinguish a
move that a crash interrupted from another picture under the target name, and only our own pictures
are deleted there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Final

from easyai.domain.frame import KeyRules
from easyai.domain.reason import Reason
from easyai.errors import StoreUnavailableError
from easyai.s3.client import Found, S3Client
from easyai.s3.client_errors import NO_SUCH_KEY, S3Error, TooLargeError
from easyai.store.bucket import Bucket
from easyai.store.bucket_conditions import Conditions, Kept
from easyai.store.bucket_objects import check_key, stat_object
from easyai.store.frame_store import Carried, Held

_MOVED_FROM: Final = "x-amz-meta-easyai-moved-from"
_OWNER: Final = "x-amz-meta-easyai-installation"
_VERSION: Final = "x-amz-meta-easyai-version"
_CLAIM: Final = ".easyai/installation.json"
_LARGEST_CLAIM: Final = 10_000  # bytes


class BucketMoves:
    """The changes to a bucket. `owner` returns the id of this installation."""

    def __init__(self, bucket: Bucket, rules: KeyRules, owner: Callable[[], str]) -> None:
        self._bucket = bucket
        self.rules = rules
        self._owner = owner
        self._conditions = Conditions(bucket, rules.base_path)

    @property
    def ignores(self) -> tuple[str, ...]:
        """The names of conditions that the server ignores; empty before the server was tried."""
        return self._conditions.known.ignored if self._conditions.known else ()

    def exists(self, key: str) -> bool:
        """Whether an object exists under the key."""
        return self._stat(key) is not None

    def version(self, key: str) -> str | None:
        """The ETag of the object under the key, or None."""
        stat = self._stat(key)
        return None if stat is None else stat.etag

    def read(self, key: str, limit: int) -> tuple[str, bytes] | None:
        """ETag and content of a small object."""
        check_key(key)
        try:
            with self._bucket.asking() as client:
                return _get(client, key, limit)
        except S3Error:
            return None

    def hold(self, key: str, frame_id: int, version: str) -> Held:
        """Check the version of the picture: later requests have the version as their condition."""
        current = self.version(key)
        if current is None:
            return Held(Carried.MISSING, key)
        return Held(Carried.DONE if current == version else Carried.REPLACED, key)

    def keep(self, source: str, target: str, version: str) -> Carried:
        """Copy a picture in the store unless its copy exists; overwrites nothing."""
        kept, _ = self._keep_found(source, target, version)
        return kept

    def _keep_found(self, source: str, target: str, version: str) -> tuple[Carried, str]:
        """Keep a picture; returns its version, too, which is looked up if it is not known.

        A picture of ours keeps its mark then: `discard` names the version that the frame had.
        """
        if version:
            return self._keep(source, target, version, _digest(version)), version
        stat = self._stat(source)
        found, mark = (stat.etag, stat.headers.get(_VERSION, "")) if stat else ("", "")
        return self._keep(source, target, found, mark), found

    def _keep(self, source: str, target: str, version: str, mark: str) -> Carried:
        """Keep a picture; `mark`: of the version that `discard` will name, '' when not known."""
        known = self._conditions.trusted
        # A server that refuses to overwrite needs no HEAD before the copy.
        stat = None if known and known.target else self._stat(target)
        copied = Carried.TAKEN if stat else self._copy(source, target, version, mark, known)
        if copied is Carried.DONE:
            return copied
        # Another worker, or an attempt whose answer was lost, may have copied the picture. The
        # server refuses a replaced source and a taken target with the same error.
        stat = stat or self._stat(target)
        if stat is None:
            return copied
        if self._is_copy_of(stat, source, version):
            return Carried.DONE
        current = self.version(source)
        if current is None:
            return Carried.MISSING if version else Carried.DONE
        return Carried.TAKEN if current == version else Carried.REPLACED

    def drop_copy(self, source: str, target: str, version: str) -> Carried:
        """Delete the copy if its marks match."""
        stat = self._stat(target)
        if stat is None:
            return Carried.MISSING
        copied = self._is_copy_of(stat, source, version)
        return self._remove(target, stat.etag) if copied else Carried.REPLACED

    def move(self, source: str, target: str, version: str, frame_id: int = 0) -> Carried:
        """Copy in the store, then delete the source; completes a move that a crash interrupted."""
        kept, current = self._keep_found(source, target, version)
        if kept is Carried.DONE:
            self.delete(source, current)  # not a newer picture, which is another frame
        return kept

    def delete(self, key: str, version: str, frame_id: int = 0) -> Carried:
        """Delete an object that still has the version; MISSING when the object does not exist."""
        check_key(key)
        known = self._conditions.trusted
        # A server that refuses to delete another version needs no HEAD before.
        if not (version and known and known.delete):
            stat = self._stat(key)
            if stat is None:
                return Carried.MISSING
            if version and stat.etag != version:
                return Carried.REPLACED
            version = stat.etag
        return self._remove(key, version, known)

    def discard(self, key: str, version: str) -> Carried:
        """Delete a picture that carries the marks of this installation and of the version.

        The version is not known ('') for some pictures; earlier releases did not mark it.
        """
        stat = self._stat(key)
        if stat is None:
            return Carried.MISSING
        marked = stat.headers.get(_VERSION)
        if version and marked not in (None, _digest(version)):  # the name went to a newer picture
            return Carried.REPLACED
        return self._remove(key, stat.etag) if self._is_ours(stat) else Carried.REPLACED

    def held(self) -> Iterator[str]:
        """Yield nothing: pictures of a bucket keep their key until they are moved."""
        return iter(())

    def release(self, held: str) -> Carried:
        """Return MISSING: a bucket has no private names."""
        return Carried.MISSING

    def claim(self, content: bytes, *, replace: bool = False) -> bytes:
        """Write a claim below the base path unless it has a claim; returns the present claim."""
        key = f"{self.rules.base_path}{_CLAIM}"
        current = None if replace else self.read(key, _LARGEST_CLAIM)
        if current is None:
            self._put_claim(key, content, new=not replace and self._conditions.kept().put)
            # If the store ignores the condition, the later of two concurrent claims wins.
            current = self.read(key, _LARGEST_CLAIM)
        return current[1] if current else content

    def _put_claim(self, key: str, content: bytes, *, new: bool) -> None:
        with suppress(S3Error), self._bucket.asking() as client:  # another process was faster
            client.put(key, content, "application/json", new=new)

    def _remove(self, key: str, etag: str, known: Kept | None = None) -> Carried:
        """Delete the object with an ETag, and no newer object if the server obeys the condition.

        `known`: the conditions for which the caller left out a HEAD; they are not tried again.
        """
        try:
            with self._bucket.asking() as client:
                kept = known or self._conditions.kept()
                client.delete(key, etag if kept.delete else "")
        except S3Error:
            # Some servers return the same error for a missing object as for a newer object.
            return Carried.REPLACED if self.exists(key) else Carried.MISSING
        return Carried.DONE

    def _stat(self, key: str) -> Found | None:
        return stat_object(self._bucket, key)

    def _copy(
        self, source: str, target: str, version: str, mark: str, known: Kept | None = None
    ) -> Carried:
        check_key(source)
        marks = {
            "content-type": _content_type(source),
            _MOVED_FROM: _mark(source, version),
            _OWNER: self._owner(),
        }
        if mark:
            marks[_VERSION] = mark
        kept = known or self._conditions.kept()
        try:
            with self._bucket.asking() as client:
                client.copy(source, target, etag=version, new=kept.target, marks=marks)
        except S3Error as error:
            return Carried.MISSING if error.code == NO_SUCH_KEY else Carried.REPLACED
        is_of_version = not version or kept.copy or self._was_of(source, version)
        return Carried.DONE if is_of_version else self._undo(target)

    def _was_of(self, source: str, version: str) -> bool:
        """Whether a new copy has the expected version, for servers that ignore the condition.

        A source that is gone had the version: a faster process deleted it on that condition.
        """
        return self.version(source) in (version, None)

    def _undo(self, target: str) -> Carried:
        with suppress(S3Error), self._bucket.asking() as client:  # the copy is gone already
            client.delete(target)
        return Carried.REPLACED

    def _is_copy_of(self, there: Found | None, source: str, version: str) -> bool:
        if there is None or not self._is_ours(there):
            return False
        return there.headers.get(_MOVED_FROM) == _mark(source, version)

    def _is_ours(self, there: Found) -> bool:
        """Whether a move of ours wrote the object; earlier releases did not mark the owner."""
        marks = there.headers
        return _MOVED_FROM in marks and marks.get(_OWNER, self._owner()) == self._owner()


def _get(client: S3Client, key: str, limit: int) -> tuple[str, bytes]:
    try:
        return client.get(key, limit)
    except TooLargeError:
        large = Reason.of("store.too_large", key=key, limit_bytes=limit)
        raise StoreUnavailableError(large) from None


def _mark(source: str, version: str) -> str:
    # Not the ETag: a copy may get another ETag.
    return _digest(f"{source}\n{version}")


def _digest(text: str) -> str:
    # Because metadata takes ASCII only.
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _content_type(key: str) -> str:
    return "image/png" if key.lower().endswith(".png") else "image/jpeg"
