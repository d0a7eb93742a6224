"""A bucket below MinioStore: the client's methods, with listings cut into pages or stale.

Single objects are seen as they are; a listing shows each page as of its own moment, or of seconds
before, as the listings of real stores do.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate

from easyai.errors import StoreUnavailableError
from easyai.s3.client import Found
from easyai.s3.client_errors import NO_SUCH_KEY, REFUSED_CONDITION, S3Error
from easyai.s3.xml_answers import Listed, ListingPage
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

    def __init__(self, scheduler: Scheduler, page: int, stale_sec: float, *, obeys: bool) -> None:
        self.scheduler = scheduler
        self.page = page
        self.stale_sec = stale_sec
        self.obeys = obeys  # every condition; else only the condition on the source of a copy
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
    """Stands in for easyai.s3.client.S3Client."""

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
            raise S3Error(NO_SUCH_KEY)
        return found

    def pages(
        self, prefix: str, after: str = "", *, folders: bool = False
    ) -> Iterator[ListingPage]:
        """Page by page, each as of a moment of its own."""
        given: set[str] = set()
        while True:
            self._call()
            rng: random.Random = self._server.scheduler.current.rng
            stale = self._server.stale_sec * rng.random() if rng.random() < 0.5 else 0.0
            seen = self._server.as_of(self._server.scheduler.now - stale)
            keys = sorted(key for key in seen if key.startswith(prefix) and key > after)
            keys = keys[: self._server.page]
            page = ListingPage()
            for key in keys:
                _list(page, key, seen[key], prefix, given if folders else None)
            yield page
            if len(keys) < self._server.page:
                return
            after = keys[-1]

    def head(self, key: str) -> Found:
        """HEAD."""
        found = self._get(key)
        self._server.looked(key)
        headers = {"last-modified": formatdate(EPOCH + found.modified_at), **found.metadata}
        return Found(found.etag, len(found.content), headers)

    def get(self, key: str, limit: int) -> tuple[str, bytes]:
        """GET."""
        found = self._get(key)
        return found.etag, found.content[:limit]

    def put(self, key: str, content: bytes, _content_type: str, *, new: bool = False) -> None:
        """PUT, also on the condition that nothing lies there."""
        self._call()
        if new and key in self._server.objects:
            raise S3Error(REFUSED_CONDITION)
        self._server.put(key, content)

    def copy(
        self,
        source: str,
        target: str,
        *,
        etag: str = "",
        new: bool = False,
        marks: Mapping[str, str] | None = None,
    ) -> None:
        """A copy inside of the store."""
        found = self._get(source)
        taken = new and self._server.obeys and target in self._server.objects
        if taken or etag not in ("", found.etag):
            raise S3Error(REFUSED_CONDITION)
        self._server.put(target, found.content, dict(marks or {}))

    def delete(self, key: str, etag: str = "") -> None:
        """DELETE, on the condition if the server obeys it."""
        if not (etag and self._server.obeys):
            self._call()
            self._server.remove_unconditionally(key)
        elif self._get(key).etag == etag:
            self._server.remove(key)
        else:
            raise S3Error(REFUSED_CONDITION)

    def check_bucket(self) -> None:
        """It exists always."""
        self._call()

    def link(self, key: str, _lifetime_sec: int) -> str:
        """A link that the services of the simulation understand."""
        return f"sim://{key}"


class SimBucket:
    """Stands in for easyai.store.bucket.Bucket."""

    name = "frames"
    outages = 0  # the server stays the same

    def __init__(self, server: ObjectServer) -> None:
        self.signing_client = SimClient(server)

    @contextmanager
    def asking(self) -> Iterator[SimClient]:
        """The client; S3Error NoSuchKey and PreconditionFailed are answers."""
        yield self.signing_client

    def check(self) -> None:
        """Raise StoreUnavailableError when it does not answer."""
        self.signing_client.check_bucket()


def _list(page: ListingPage, key: str, found: _Object, prefix: str, given: set[str] | None) -> None:
    """Add a key to a page, or its folder unless that is `given` already."""
    folder, slash, _ = key[len(prefix) :].partition("/")
    if given is None or not slash:
        modified_at = EPOCH + found.modified_at
        page.objects.append(Listed(key, found.etag, len(found.content), modified_at))
    elif (name := f"{prefix}{folder}/") not in given:
        given.add(name)
        page.folders.append(name)
