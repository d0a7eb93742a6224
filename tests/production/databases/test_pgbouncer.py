"""PostgreSQL through PgBouncer in transaction mode: without asking anybody to set anything."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from easyai.db import migrate
from easyai.db.session import Database
from easyai.errors import DatabaseUnavailableError
from tests.production.conftest import Proves
from tests.production.databases.pgbouncer import PgBouncer
from tests.production.databases.steps import put, wait_for_alerts
from tests.production.proof import Proof
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.easyai_process import EasyaiProcess
from tests.support.services import PostgresServer
from tests.support.waiting import wait_until

_IN_FORCE = text("""
    SELECT current_setting('lock_timeout'), current_setting('plan_cache_mode'),
           current_setting('idle_in_transaction_session_timeout'),
           current_setting('synchronous_commit'), pg_sleep(0.02)
""")


@pytest.fixture
def pooled_url(postgres_url: str, pgbouncer: PgBouncer) -> str:
    """A fresh database, reached through PgBouncer."""
    return pgbouncer.through(postgres_url)


@pytest.fixture
def database(pooled_url: str) -> Iterator[Database]:
    migrate.upgrade(pooled_url)
    database = Database(pooled_url)
    yield database
    database.dispose()


def test_session_settings_hold_in_every_transaction_and_leak_to_no_client(
    database: Database,
) -> None:
    """The server answers before its log is written, which easyai cannot do with."""

    def look(_: int) -> tuple[str, ...]:
        with database.read() as conn:
            return tuple(conn.execute(_IN_FORCE).one()[:4])

    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(look, range(60)))
    assert found == {("15s", "force_custom_plan", "10s", "on")}
    # Whoever else uses the sessions of the pooler has its own settings.
    plain = database.url.replace("+psycopg", "")
    with psycopg.connect(plain, prepare_threshold=None) as connection:
        for _ in range(8):
            row = connection.execute(
                "SELECT current_setting('lock_timeout'), current_setting('plan_cache_mode'),"
                " current_setting('synchronous_commit')"
            ).fetchone()
            connection.commit()
            assert row == ("0", "auto", "off")


def test_no_statement_is_prepared_in_a_shared_session(database: Database) -> None:
    """psycopg prepares a statement at its sixth run."""

    def work(number: int) -> None:
        for _ in range(20):
            with database.write() as conn:
                conn.execute(
                    text("UPDATE statistics SET found = found + :n WHERE bucket = -1"),
                    {"n": number},
                )

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(16)))
    with database.read() as conn:
        assert conn.execute(text("SELECT count(*) FROM pg_prepared_statements")).scalar() == 0


def test_pooler_without_its_server_is_an_outage_and_leaves_no_connection_open(
    database: Database, postgres_server: PostgresServer
) -> None:
    """It lets its clients in, and fails at their first statement."""
    database.dispose()
    postgres_server.stop()
    try:
        with pytest.raises(DatabaseUnavailableError), database.read():
            pass
        gc.collect()  # warns of an unclosed connection: an error here
    finally:
        postgres_server.start()

    def works() -> bool:
        try:
            with database.read() as conn:
                return conn.execute(text("SELECT true")).scalar_one() is True
        except DatabaseUnavailableError:
            return False

    wait_until(works, 60, "it works again by itself")


def test_frames_become_alerts_through_pgbouncer_before_and_after_it_is_killed(
    pooled_url: str,
    tmp_path: Path,
    algorithm: AlgorithmStub,
    pgbouncer: PgBouncer,
    proves: Proves,
    request: pytest.FixtureRequest,
) -> None:
    """Registered, found, inferred, saved; and on when the pooler was killed and is back."""
    with EasyaiProcess(tmp_path, environment={"EASYAI_DATABASE_URL": pooled_url}) as site:
        site.start(timeout=60)
        algorithm.register(site.url)
        put(site.frames, range(30))
        wait_for_alerts(site, range(30))
        pgbouncer.kill()
        put(site.frames, range(30, 60))
        pgbouncer.start()
        back_at = time.monotonic()
        wait_for_alerts(site, range(60))
        fault = f"killed, started again ({request.node.callspec.id})"
        proves(Proof("PgBouncer", fault, 60, time.monotonic() - back_at))
        site.stop()
