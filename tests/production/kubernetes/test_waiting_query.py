"""The query by which KEDA scales the workers, on a real PostgreSQL."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import psycopg
import pytest

from easyai.db import migrate
from tests.production.kubernetes.rendered import of_kind, render_with_everything

_FRAMES = """
    INSERT INTO frames (key, task_type, task_id, state, version, captured_at, found_at, due_at,
                        image_path)
    SELECT '{state}/' || {due} || '/' || n, 'type ' || n %% 20, 'camera ' || n %% 500, '{state}',
           'v', now.at, now.at, now.at + {due},
           CASE WHEN '{state}' = 'done' THEN 'alerts/' || n END
      FROM generate_series(1, %s) AS n, (SELECT extract(epoch FROM now()) AS at) AS now
"""


@pytest.fixture
def connection(postgres_url: str) -> Iterator[psycopg.Connection]:
    """A database with the newest schema."""
    migrate.upgrade(postgres_url)
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as conn:
        yield conn


def _query() -> str:
    scaled = of_kind(render_with_everything("s3"), "ScaledObject")["easyai-worker"]
    return str(scaled["spec"]["triggers"][0]["metadata"]["query"])


def _put(conn: psycopg.Connection, state: str, count: int, due: int = -1) -> None:
    conn.execute(_FRAMES.format(state=state, due=due).encode(), [count])


def _waiting(conn: psycopg.Connection) -> object:
    (row,) = conn.execute(_query().encode()).fetchall()
    return row[0]


def test_waiting_query_counts_the_frames_that_are_due(connection: psycopg.Connection) -> None:
    assert _waiting(connection) == 0
    _put(connection, "pending", 30)
    _put(connection, "pending", 7, due=3600)  # waits for its next attempt
    for state in ("leased", "parked", "failed", "done"):
        _put(connection, state, 11)
    assert _waiting(connection) == 30


def test_waiting_query_is_fast_with_a_large_backlog_and_a_long_history(
    connection: psycopg.Connection,
) -> None:
    _put(connection, "done", 200_000)
    _put(connection, "pending", 120_000)
    connection.execute(b"VACUUM ANALYZE frames")
    explained = connection.execute(b"EXPLAIN (FORMAT JSON) " + _query().encode()).fetchall()
    assert "ix_frames_pending" in json.dumps(explained[0][0])
    assert _waiting(connection) == 100_000  # its limit
    taken = []
    for _ in range(5):
        begun = time.perf_counter()
        _waiting(connection)
        taken.append(time.perf_counter() - begun)
    # Some 20 ms here; KEDA asks every 15 s.
    assert min(taken) < 1.0
