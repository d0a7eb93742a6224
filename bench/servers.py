"""Redis and PostgreSQL for the benchmark, started for it on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from redis import Redis

from bench.contest import Backend
from tests.support.services import PostgresServer, RedisServer, ServiceMissingError

__all__ = ["ServiceMissingError", "servers"]


class _DurablePostgres(PostgresServer):
    """As in production: a commit is on the disk when it returns."""

    def command(self) -> list[str]:
        """The test server's command, with its short cuts taken back."""
        command = super().command()
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            command += ["-c", f"{name}=on"]
        return command


@contextmanager
def servers() -> Iterator[Backend]:
    """Both servers while the block runs; raises ServiceMissingError where one is not installed."""
    with ExitStack() as stack:
        redis = RedisServer()
        stack.callback(redis.close)
        postgres = _DurablePostgres()
        stack.callback(postgres.close)
        redis.start()
        postgres.start()
        yield Backend(
            "Redis + PostgreSQL",
            redis.url,
            postgres.create_database,
            lambda: _flush(redis.url),
        )


def _flush(url: str) -> None:
    with Redis.from_url(url) as client:
        client.flushall()
