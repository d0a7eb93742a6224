"""A real object store with the S3 API, OpenStack Swift, on loopback."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import requests
from minio import Minio as Client
from pydantic import SecretStr

from easyai.settings import Minio
from tests.support.server_process import ServerProcess

PAGE = 7  # keys in one page of a listing: small, so that every test pages
ACCESS_KEY, SECRET_KEY = "test:tester", "testing"
VIEWER_ACCESS_KEY, VIEWER_SECRET_KEY = "test:viewer", "viewing"  # may not do anything


class SwiftServer(ServerProcess):
    """Swift with one disk in a folder; buckets stay over `stop` and `start`."""

    name = "swift"

    def __init__(self, region: str = "us-east-1", page: int = PAGE) -> None:
        super().__init__()
        self._region, self._page = region, page
        self._numbers = itertools.count(1)

    def command(self) -> list[str]:
        """All of Swift in one process."""
        program = str(Path(__file__).with_name("swift_process.py"))
        options = [str(self.folder), str(self.port), self._region, str(self._page)]
        return [sys.executable, program, *options]

    def answers(self) -> bool:
        """It answers at all: the proxy comes last."""
        try:
            requests.get(f"http://127.0.0.1:{self.port}/", timeout=2).close()
        except requests.RequestException:
            return False
        return True

    def client(self) -> Client:
        """A plain S3 client, to look at the store from outside."""
        endpoint = f"127.0.0.1:{self.port}"
        return Client(endpoint, ACCESS_KEY, SECRET_KEY, secure=False, region=self._region)

    def create_bucket(self) -> str:
        """A new empty bucket."""
        name = f"frames-{next(self._numbers)}"
        self.client().make_bucket(name, self._region)
        return name

    def settings(
        self,
        bucket: str,
        base_path: str = "",
        access_key: str = ACCESS_KEY,
        secret_key: str = SECRET_KEY,
    ) -> Minio:
        """What an operator writes to use a bucket of this server."""
        return Minio(
            endpoint=f"127.0.0.1:{self.port}",
            bucket=bucket,
            access_key=access_key,
            secret_key=SecretStr(secret_key),
            base_path=base_path,
        )
