"""Stores under test, with a view from outside: a camera that writes, an eye that looks."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from minio.error import S3Error

from easyai.domain.frame import KeyRules
from easyai.store.base import Store
from easyai.store.local import LocalStore
from easyai.store.minio import MinioStore
from easyai.store.signing import LinkSigner
from tests.integration.store.swift_server import SwiftServer


def jpeg(text: str) -> bytes:
    """As whole as a JPEG looks from its two ends."""
    return b"\xff\xd8" + text.encode() + b"\xff\xd9"


def walked(store: Store) -> set[str]:
    """All keys of a walk; none comes twice."""
    keys = [key for page in store.walk() for key in page]
    assert len(keys) == len(set(keys))
    return set(keys)


class Place(Protocol):
    """One kind of store."""

    def store(self, rules: KeyRules | None = None) -> Store:
        """The store under test, with the usual rules."""

    def put(self, key: str, content: bytes) -> None:
        """Write as a camera does."""

    def content(self, key: str) -> bytes | None:
        """What lies under a key."""


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

    def __init__(self, server: SwiftServer) -> None:
        self.server = server
        self.bucket = server.create_bucket()
        self.client = server.client()

    def store(self, rules: KeyRules | None = None, owner: str = "we") -> MinioStore:
        """A MinioStore of the bucket, of an installation."""
        return MinioStore(self.server.settings(self.bucket), rules or KeyRules(), lambda: owner)

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
        """Delete, as somebody else does."""
        self.client.remove_object(self.bucket, key)


def started(server: SwiftServer) -> Iterator[SwiftServer]:
    """A running server, removed afterwards."""
    try:
        server.start()
        yield server
    finally:
        server.close()
