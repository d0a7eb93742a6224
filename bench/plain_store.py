"""The pictures of plain Celery: a folder, or a bucket by way of minio-py."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Protocol

from minio import Minio
from minio.commonconfig import CopySource


class PlainStore(Protocol):
    """A place of pictures."""

    def frames(self) -> Iterator[str]:
        """All waiting frames."""

    def move(self, key: str, target: str) -> None:
        """Move a picture."""


class Folder:
    """Pictures below a folder; `kept` is the folder of alerts in it."""

    def __init__(self, root: Path, kept: str) -> None:
        self._root, self._kept = root, kept

    def frames(self) -> Iterator[str]:
        """All waiting frames."""
        for folder, _, names in os.walk(self._root):
            camera = Path(folder).relative_to(self._root)
            if camera.parts[:1] != (self._kept,):
                yield from (f"{camera.as_posix()}/{name}" for name in sorted(names))

    def move(self, key: str, target: str) -> None:
        """Move a picture, and create its folder where there is none."""
        source, path = self._root / key, self._root / target
        try:
            source.rename(path)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            source.rename(path)


class BucketStore:
    """Pictures in a bucket: a copy and a deletion move a picture."""

    def __init__(self, address: str, kept: str) -> None:
        # The address: endpoint, bucket, access key and secret key, between spaces.
        self._endpoint, self._bucket, self._access_key, self._secret_key = address.split()
        self._kept = kept

    @cached_property
    def _client(self) -> Minio:  # made after a fork of the worker
        keys = (self._access_key, self._secret_key)
        return Minio(self._endpoint, *keys, secure=False, region="us-east-1")

    def frames(self) -> Iterator[str]:
        """All waiting frames."""
        for found in self._client.list_objects(self._bucket, recursive=True):
            name = found.object_name or ""
            if not name.startswith(f"{self._kept}/"):
                yield name

    def move(self, key: str, target: str) -> None:
        """Copy a picture, then delete it at its key."""
        self._client.copy_object(self._bucket, target, CopySource(self._bucket, key))
        self._client.remove_object(self._bucket, key)
