"""Stores under test, with a view from outside: a camera that writes, an eye that looks."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Protocol, TypeVar, cast

from minio.error import S3Error

from easyai.domain.frame import KeyRules
from easyai.settings.schema import Minio
from easyai.store.bucket_watch import BucketWatch
from easyai.store.frame_store import Picture, Store, Watch
from easyai.store.local import LocalStore
from easyai.store.local_watch import LocalWatch
from easyai.store.minio import MinioStore
from easyai.store.signing import LinkSigner
from tests.support.object_server import ObjectServer

S = TypeVar("S", bound=ObjectServer)


def jpeg(text: str) -> bytes:
    """As whole as a JPEG looks from its two ends."""
    return b"\xff\xd8" + text.encode() + b"\xff\xd9"


def walked(store: Store) -> set[str]:
    """All keys of a first look over a store; none comes twice."""
    return listed(store.watch())


def listed(watch: Watch) -> set[str]:
    """All keys of a walk over a store; no key comes twice."""
    keys = [key for listing in watch.listings(math.inf) for key in listing.keys]
    assert len(keys) == len(set(keys))
    return set(keys)


def look(
    place: Store | Watch, key: str, stable_sec: float = 2.0, *, wary: bool = False
) -> Picture | None:
    """A look at a key, the first look where a store is given."""
    watch = place if isinstance(place, LocalWatch | BucketWatch) else cast(Store, place).watch()
    found = watch.whole_pictures([key], stable_sec, {key} if wary else set())
    return found[0] if found else None


class Place(Protocol):
    """A kind of store."""

    def store(self, rules: KeyRules | None = None) -> Store:
        """The store under test, with the usual rules."""

    def put(self, key: str, content: bytes) -> None:
        """Write as a camera does."""

    def content(self, key: str) -> bytes | None:
        """The content under a key."""


class Folder:
    """A LocalStore's folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def store(self, rules: KeyRules | None = None) -> LocalStore:
        """A LocalStore of the folder."""
        signer = LinkSigner(b"secret", "http://127.0.0.1:5066")
        return LocalStore(self.root, rules or KeyRules(), signer)

    def put(self, key: str, content: bytes) -> None:
        """Write beside and rename into place."""
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(".draft")
        draft.write_bytes(content)
        draft.rename(path)

    def content(self, key: str) -> bytes | None:
        """The file's content, or None."""
        path = self.root / key
        return path.read_bytes() if path.exists() else None


class BucketPlace:
    """A bucket of a real object store."""

    def __init__(self, server: ObjectServer) -> None:
        self.server = server
        self.bucket = server.create_bucket()
        self.client = server.client()

    def store(
        self, rules: KeyRules | None = None, owner: str = "we", settings: Minio | None = None
    ) -> MinioStore:
        """A MinioStore of the bucket, of an installation."""
        settings = settings or self.server.settings(self.bucket)
        return MinioStore(settings, rules or KeyRules(), lambda: owner)

    def put(self, key: str, content: bytes) -> None:
        """Upload."""
        self.client.put_object(self.bucket, key, io.BytesIO(content), len(content))

    def content(self, key: str) -> bytes | None:
        """The object's content, or None."""
        with suppress(S3Error):
            response = self.client.get_object(self.bucket, key)
            content: bytes = response.read()
            response.close()
            return content
        return None

    def remove(self, key: str) -> None:
        """Delete, as another program does."""
        self.client.remove_object(self.bucket, key)


def started(server: S) -> Iterator[S]:
    """A running server, removed afterwards."""
    try:
        server.start()
        yield server
    finally:
        server.close()
