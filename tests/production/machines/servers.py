"""The machine of the servers: PostgreSQL, Redis and an object store that other machines reach."""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType

from tests.integration.store.places import BucketPlace
from tests.integration.store.swift_server import SwiftServer
from tests.production.machines.network import PREFIX, Machine
from tests.support.services import PostgresServer, RedisServer


class _Postgres(PostgresServer):
    def _make_cluster(self) -> None:
        super()._make_cluster()
        with (self.folder / "data" / "pg_hba.conf").open("a", encoding="ascii") as rules:
            rules.write(f"host all all {PREFIX}.0/24 trust\n")

    def command(self) -> list[str]:
        return [*super().command(), "-c", "listen_addresses=*"]


class _Redis(RedisServer):
    def command(self) -> list[str]:
        return [*super().command(), "--bind", "0.0.0.0", "--protected-mode", "no"]


class _Swift(SwiftServer):
    host = "0.0.0.0"

    def __init__(self) -> None:
        super().__init__(page=1000)


class Servers:
    """All three, made and used by a thread that is on their machine's network."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self._stack = ExitStack()
        self.postgres, self.redis, self.swift = _Postgres(), _Redis(), _Swift()

    def settings(self, database_url: str, bucket: str) -> dict[str, str]:
        """The variables by which other machines find them."""
        address = self.machine.address
        store = {
            "STORE": "minio",
            "MINIO__ENDPOINT": f"{address}:{self.swift.port}",
            "MINIO__BUCKET": bucket,
            "MINIO__ACCESS_KEY": self.swift.access_key,
            "MINIO__SECRET_KEY": self.swift.secret_key,
        }
        own = {f"EASYAI_FRAME_EXTRACTOR__{name}": value for name, value in store.items()}
        return own | {
            "EASYAI_DATABASE_URL": database_url.replace("127.0.0.1", address),
            "EASYAI_BROKER_URL": self.redis.url.replace("127.0.0.1", address),
        }

    def bucket(self) -> BucketPlace:
        """A new bucket, as seen from this machine."""
        return BucketPlace(self.swift)

    def __enter__(self) -> Servers:
        for server in (self.postgres, self.redis, self.swift):
            self._stack.callback(server.close)
        try:
            for server in (self.postgres, self.redis, self.swift):
                server.start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()
