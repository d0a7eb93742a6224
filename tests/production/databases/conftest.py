"""Databases as they stand in production: behind a pooler, in pairs, with TLS, with least rights."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.production.databases.pgbouncer import IGNORING, STRICT, PgBouncer
from tests.production.effort import in_full
from tests.support.services import PostgresServer


@pytest.fixture(scope="module", params=[STRICT, in_full(IGNORING)], ids=["strict", "ignoring"])
def pgbouncer(
    request: pytest.FixtureRequest, postgres_server: PostgresServer
) -> Iterator[PgBouncer]:
    """A PgBouncer in transaction mode before the PostgreSQL of this session."""
    pooler = PgBouncer(postgres_server, request.param)
    try:
        pooler.start()
        yield pooler
    finally:
        pooler.close()
