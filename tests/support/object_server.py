"""An object store that speaks S3, started by a test on loopback."""

from __future__ import annotations

import itertools
import socket

from minio import Minio as Client
from pydantic import SecretStr

from easyai.settings.schema import Minio
from tests.support.server_process import ServerProcess


class ObjectServer(ServerProcess):
    """A server with buckets, which stay over `stop`, `kill` and `start`."""

    region = "us-east-1"
    access_key = ""  # of easyai's user
    secret_key = ""
    owner: tuple[str, str] | None = None  # keys of who makes the buckets, where that is another
    viewer_access_key = ""  # of a user who may do nothing with them
    viewer_secret_key = ""
    ignores: tuple[str, ...] = ()  # conditions on requests that it does not keep to

    def __init__(self) -> None:
        super().__init__()
        self._numbers = itertools.count(1)

    @property
    def endpoint(self) -> str:
        """Where it listens, as an operator writes it."""
        return f"127.0.0.1:{self.port}"

    def answers(self) -> bool:
        """It answers HTTP at all."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.settimeout(2)
                connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
                return connection.recv(5) == b"HTTP/"
        except OSError:
            return False

    def client(self) -> Client:
        """A plain S3 client of the owner, to look at the store from outside."""
        keys = self.owner or (self.access_key, self.secret_key)
        return Client(self.endpoint, *keys, secure=False, region=self.region)

    def create_bucket(self) -> str:
        """A new empty bucket."""
        name = f"frames-{next(self._numbers)}"
        self.client().make_bucket(name, self.region)
        return name

    def settings(
        self,
        bucket: str,
        base_path: str = "",
        access_key: str | None = None,
        secret_key: str | None = None,
    ) -> Minio:
        """The settings to use a bucket of this server, as easyai's user by default."""
        return Minio(
            endpoint=self.endpoint,
            bucket=bucket,
            access_key=self.access_key if access_key is None else access_key,
            secret_key=SecretStr(self.secret_key if secret_key is None else secret_key),
            base_path=base_path,
        )
