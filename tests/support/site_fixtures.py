"""Fixtures of an installation on each kind of database, migrated once a session."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from sqlalchemy import text

from easyai.db import migrate
from easyai.db.models import Base
from easyai.db.session import Database
from tests.support.services import PostgresServer
from tests.support.site import Installation


@pytest.fixture(autouse=True)
def no_variables_of_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings come from the test and from nowhere else."""
    for name in [name for name in os.environ if name.startswith("EASYAI_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file of the newest schema, to be copied."""
    path = tmp_path_factory.mktemp("migrated") / "easyai.db"
    migrate.upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def migrated_database(postgres_server: PostgresServer) -> str:
    """A PostgreSQL database of the newest schema, to be emptied before use."""
    postgres_server.start()
    url = postgres_server.create_database()
    migrate.upgrade(url)
    return url


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


def empty(url: str) -> None:
    """Take every row out of a migrated database."""
    database = Database(url)
    # Rows that the migration itself has written stay.
    tables = ", ".join(Base.metadata.tables.keys() - {"installation", "generations"})
    with database.write() as conn:
        conn.execute(text(f"TRUNCATE {tables} RESTART IDENTITY"))
    database.dispose()


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
