"""Fixtures of an installation on each kind of database, migrated once a session."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psycopg
import pytest

from tests.support.services import PostgresServer
from tests.support.site import Installation


@pytest.fixture(autouse=True)
def no_variables_of_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings come from the test and from nowhere else."""
    for name in [name for name in os.environ if name.startswith("EASYAI_")]:
        monkeypatch.delenv(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def migrated_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty ledger on each kind of database."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("migrated_file"), tmp_path / "easyai.db")
        return f"sqlite:///{tmp_path / 'easyai.db'}"
    server: PostgresServer = request.getfixturevalue("postgres_server")
    server.start()
    url: str = request.getfixturevalue("migrated_database")
    empty(url)
    return url


_KEEP = "'installation', 'generations', 'alembic_version'"  # with rows of the migration itself
_LOCK_LIMIT_SEC = 10.0
#: Truncating all tables takes 80 ms of CPU, because each of them gets new files. Most are empty.
#: Deleting would be quicker still, but leaves holes, and rows without an order come in any order.
_EMPTY = f"""
    DO $$
    DECLARE
        filled text;
    BEGIN
        SELECT string_agg(quote_ident(relname), ', ') INTO filled FROM pg_class
            WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
                AND pg_relation_size(oid) > 0 AND relname NOT IN ({_KEEP});
        IF filled IS NOT NULL THEN
            EXECUTE format('TRUNCATE %s CASCADE', filled);
        END IF;
        PERFORM setval(format('%I.%I', schemaname, sequencename), 1, false)
            FROM pg_sequences WHERE last_value IS NOT NULL;
        -- As the migration leaves them.
        DELETE FROM generations WHERE name <> 'registry';
        INSERT INTO generations (name, number) VALUES ('registry', 1)
            ON CONFLICT (name) DO UPDATE SET number = excluded.number;
        INSERT INTO installation (pk, installation_id, created_at) VALUES
            (1, md5(gen_random_uuid()::text), extract(epoch FROM clock_timestamp()))
            ON CONFLICT (pk) DO UPDATE SET installation_id = excluded.installation_id,
                created_at = excluded.created_at;
    END $$
"""


def empty(url: str, lock_limit_sec: float = _LOCK_LIMIT_SEC) -> None:
    """Take every row out of a migrated PostgreSQL database; its numbers begin at 1 again.

    The installation's id is a new id. Raises LockNotAvailable when a session that a test left open
    holds a table for longer than `lock_limit_sec`.
    """
    limit = f"-c lock_timeout={round(lock_limit_sec * 1000)}"
    address = url.replace("+psycopg", "")
    with psycopg.connect(address, autocommit=True, options=limit) as connection:
        connection.execute(_EMPTY.encode())


class _LivingLinks(BaseHTTPRequestHandler):
    """Stands for the API: every picture link works."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="session")
def living_links() -> Iterator[str]:
    """The public URL of a server on which every picture link works."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _LivingLinks)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def site(migrated_url: str, tmp_path: Path, living_links: str) -> Iterator[Installation]:
    """An installation with an empty ledger; frames are due for an end mark or after 0.2 s."""
    installation = Installation(tmp_path, migrated_url, living_links, frame_stable_sec=0.2)
    yield installation
    installation.close()
