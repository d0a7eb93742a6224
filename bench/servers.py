"""Redis and PostgreSQL for the benchmark, started for it on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from redis import Redis

from bench.contest import Backend
from tests.support.needs import MissingError
from tests.support.services import PostgresServer, RedisServer

__all__ = ["MissingError", "postgres_only", "redis_and_postgres", "redis_only"]


class _DurablePostgres(PostgresServer):
    """PostgreSQL as in production: a commit is on the disk when it returns."""

    def command(self) -> list[str]:
        """The test server's command without its unsafe shortcuts."""
        command = super().command()
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            command += ["-c", f"{name}=on"]
        return command


@contextmanager
def redis_and_postgres() -> Iterator[Backend]:
    """Both servers while the block runs; raises MissingError if a server is not installed."""
    with redis_only() as backend, postgres_only() as postgres:
        name = "Redis + PostgreSQL"
        servers = {**backend.servers, "postgresql": postgres.pid or 0}
        yield replace(backend, name=name, new_database=postgres.create_database, servers=servers)


@contextmanager
def postgres_only() -> Iterator[PostgresServer]:
    """A PostgreSQL while the block runs; raises MissingError if it is not installed."""
    postgres = _DurablePostgres()
    try:
        postgres.start()
        yield postgres
    finally:
        postgres.close()


@contextmanager
def redis_only() -> Iterator[Backend]:
    """A Redis while the block runs; raises MissingError if it is not installed."""
    redis = RedisServer()
    try:
        redis.start()
        servers = {"redis": redis.pid or 0}
        yield Backend("Redis", redis.url, clear_broker=lambda: _flush(redis.url), servers=servers)
    finally:
        redis.close()


def _flush(url: str) -> None:
    with Redis.from_url(url) as client:
        client.flushall()
