"""A bucket below MinioStore: the client's methods, with listings cut into pages or stale.

Single objects are seen as they are; a listing shows each page as of its own moment, or of seconds
before, as the listings of real stores do.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from minio.datatypes import Object
from minio.error import S3Error

from easyai.errors import StoreUnavailableError
from tests.simulation.scheduler import EPOCH, Actor, Scheduler

_CALL_SEC = 0.004


@dataclass
class _Object:
    content: bytes
    etag: str
    modified_at: float  # since the run began
    metadata: dict[str, str] = field(default_factory=dict)


class ObjectServer:
    """The server of the objects; it remembers every change, for listings of the past."""

    def __init__(self, scheduler: Scheduler, page: int, stale_sec: float) -> None:
        self.scheduler = scheduler
        self.page = page
        self.stale_sec = stale_sec
        self.objects: dict[str, _Object] = {}
        self.down_until = 0.0
        self.lost: Callable[[str], None] = lambda _: None
        self._looks: dict[Actor, tuple[str, float]] = {}  # the newest of each
        self._changes: list[tuple[float, str, _Object | None]] = []

    def put(self, key: str, content: bytes, metadata: dict[str, str] | None = None) -> str:
        """Write an object; its ETag."""
        etag = hashlib.md5(content, usedforsecurity=False).hexdigest()
        self._change(key, _Object(content, etag, self.scheduler.now, metadata or {}))
        return etag

    def looked(self, key: str) -> None:
        """Somebody sees an object as it is now."""
        self._looks[self.scheduler.current] = key, self.scheduler.now

    def remove_unconditionally(self, key: str) -> None:
        """Delete an object whose condition this server ignores.

        A picture that came since whoever deletes has looked is lost. That cannot be mended
        (docs/decisions/0009-one-version.md), so `lost` is recorded; a loss before is a defect.
        """
        looked_key, looked_at = self._looks.pop(self.scheduler.current, ("", 0.0))
        found = self.objects.get(key)
        if found is not None and looked_key == key and found.modified_at > looked_at:
            self.lost(key)
        self.remove(key)

    def remove(self, key: str) -> None:
        """Delete an object."""
        if key in self.objects:
            self._change(key, None)

    def _change(self, key: str, now: _Object | None) -> None:
        self._changes.append((self.scheduler.now, key, self.objects.get(key)))
        if now is None:
            del self.objects[key]
        else:
            self.objects[key] = now

    def as_of(self, moment: float) -> dict[str, _Object]:
        """The objects as they were then."""
        seen = dict(self.objects)
        for at, key, before in reversed(self._changes):
            if at <= moment:
                break
            if before is None:
                seen.pop(key, None)
            else:
                seen[key] = before
        return seen


class SimClient:
    """The methods of `minio.Minio` that the store uses."""

    def __init__(self, server: ObjectServer) -> None:
        self._server = server

    def _call(self) -> None:
        self._server.scheduler.point(_CALL_SEC)
        if self._server.scheduler.now < self._server.down_until:
            raise StoreUnavailableError("object store: does not answer: refused")

    def _get(self, key: str) -> _Object:
        self._call()
        found = self._server.objects.get(key)
        if found is None:
            raise _error("NoSuchKey")
        return found

    def list_objects(
        self,
        bucket: str,
        prefix: str | None = None,
        recursive: bool = False,
        start_after: str | None = None,
        **_: Any,
    ) -> Iterator[Object]:
        """Page by page, each as of a moment of its own."""
        after, prefix = start_after or "", prefix or ""
        given: set[str] = set()
        while True:
            self._call()
            rng: random.Random = self._server.scheduler.current.rng
            stale = self._server.stale_sec * rng.random() if rng.random() < 0.5 else 0.0
            seen = self._server.as_of(self._server.scheduler.now - stale)
            keys = sorted(key for key in seen if key.startswith(prefix) and key > after)
            page = keys[: self._server.page]
            for key in page:
                yield from _listed(bucket, key, seen[key], prefix, recursive, given)
            if len(page) < self._server.page:
                return
            after = page[-1]

    def stat_object(self, bucket: str, key: str, **_: Any) -> Object:
        """HEAD."""
        found = self._get(key)
        self._server.looked(key)
        return _object(bucket, key, found)

    def get_object(self, bucket: str, key: str, **_: Any) -> Any:
        """GET."""
        return _Response(self._get(key))

    def remove_object(self, bucket: str, key: str, **_: Any) -> None:
        """DELETE: whatever lies there."""
        self._call()
        self._server.remove_unconditionally(key)

    def put_object(
        self, bucket: str, key: str, data: Any, length: int, *_: Any, **options: Any
    ) -> Object:
        """PUT, also on the condition that nothing lies there."""
        self._call()
        headers = {k.lower(): v for k, v in (options.get("metadata") or {}).items()}
        if headers.get("if-none-match") == "*" and key in self._server.objects:
            raise _error("PreconditionFailed")
        self._server.put(key, data.read(length), headers)
        return _object(bucket, key, self._server.objects[key])

    def _execute(self, _method: str, bucket: str, key: str, headers: dict[str, str]) -> Any:
        """A copy inside of the store, on condition of the source's ETag where it is given."""
        source = unquote(headers["x-amz-copy-source"]).removeprefix(f"/{bucket}/")
        found = self._get(source)
        if headers.get("x-amz-copy-source-if-match", found.etag) != found.etag:
            raise _error("PreconditionFailed")
        self._server.put(key, found.content, {k.lower(): v for k, v in headers.items()})
        return _Response(self._server.objects[key])

    def bucket_exists(self, _bucket: str, **_: Any) -> bool:
        """Always."""
        self._call()
        return True

    def presigned_get_object(self, _bucket: str, key: str, **_: Any) -> str:
        """A link that the services of the simulation understand."""
        return f"sim://{key}"


class SimBucket:
    """Stands in for easyai.store.bucket.Bucket."""

    name = "frames"

    def __init__(self, server: ObjectServer) -> None:
        self.signing_client = SimClient(server)

    @contextmanager
    def asking(self) -> Iterator[SimClient]:
        """The client; S3Error NoSuchKey and PreconditionFailed are answers."""
        yield self.signing_client

    def check(self) -> None:
        """Raise StoreUnavailableError when it does not answer."""
        self.signing_client.bucket_exists(self.name)


class _Response:
    def __init__(self, found: _Object) -> None:
        self._content = found.content
        self.headers = {"etag": f'"{found.etag}"'}
        self.data = b""

    def read(self, limit: int | None = None) -> bytes:
        return self._content[:limit]

    def close(self) -> None:
        return None

    def release_conn(self) -> None:
        return None


def _listed(
    bucket: str, key: str, found: _Object, prefix: str, recursive: bool, given: set[str]
) -> Iterator[Object]:
    rest = key[len(prefix) :]
    if recursive or "/" not in rest:
        yield _object(bucket, key, found)
        return
    folder = prefix + rest.split("/")[0] + "/"
    if folder not in given:
        given.add(folder)
        yield Object(bucket, folder)


def _object(bucket: str, key: str, found: _Object) -> Object:
    modified = datetime.fromtimestamp(EPOCH + found.modified_at, UTC)
    return Object(
        bucket,
        key,
        last_modified=modified,
        etag=found.etag,
        size=len(found.content),
        metadata=dict(found.metadata),
    )


def _error(code: str) -> S3Error:
    return S3Error(None, code, "", "", "", "")  # type: ignore[arg-type]
