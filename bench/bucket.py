"""A bucket on a real S3 server, in which cameras put frames."""

from __future__ import annotations

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from minio import Minio

from bench.pictures import CAMERAS, FrameNames, picture
from tests.support.seaweed_server import SeaweedServer

_AT_ONCE = 4  # uploads


@dataclass(frozen=True)
class Bucket:
    """An empty bucket, and the keys of a user who may read, write and list."""

    endpoint: str
    name: str
    access_key: str
    secret_key: str

    def client(self) -> Minio:
        """A client with the user's rights."""
        return Minio(
            self.endpoint, self.access_key, self.secret_key, secure=False, region="us-east-1"
        )


class BucketCamera:
    """Writes frames of some cameras into a bucket."""

    def __init__(self, bucket: Bucket, cameras: int = CAMERAS) -> None:
        self._bucket, self._client = bucket.name, bucket.client()
        self._names = FrameNames(cameras)
        self._content = picture()

    def write(self, count: int) -> list[str]:
        """Put `count` new frames in place, spread over the cameras; their keys."""
        keys = [self._names.next() for _ in range(count)]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(self._put, keys))
        return keys

    def waiting(self) -> int:
        """Frames that are still at their key."""
        types = {folder.partition("/")[0] for folder in self._names.folders}
        return sum(
            1
            for name in types
            for _ in self._client.list_objects(self._bucket, f"{name}/", recursive=True)
        )

    def _put(self, key: str) -> None:
        self._client.put_object(self._bucket, key, io.BytesIO(self._content), len(self._content))


@contextmanager
def bucket_server() -> Iterator[SeaweedServer]:
    """A SeaweedFS while the block runs; raises MissingError if it is not installed."""
    server = SeaweedServer()
    try:
        server.start()
        yield server
    finally:
        server.close()


def new_bucket(server: SeaweedServer) -> Bucket:
    """A further bucket of a server."""
    return Bucket(server.endpoint, server.create_bucket(), server.access_key, server.secret_key)
