"""A database with the newest schema, to be copied: `easyai db upgrade` takes seconds each time."""

from __future__ import annotations

import itertools
from pathlib import Path

from tests.support.part_process import easyai_command, run_to_end
from tests.support.services import PostgresServer


def migrate(url: str, folder: Path) -> None:
    """``easyai db upgrade``."""
    done = run_to_end(easyai_command("db", "upgrade"), {"EASYAI_DATABASE_URL": url}, folder)
    assert done.returncode == 0, done.stderr


class Schema:
    """Made by ``easyai db upgrade`` as in production, once a session."""

    def __init__(self, postgres: PostgresServer, folder: Path) -> None:
        self._postgres = postgres
        self._server, _, self._name = postgres.create_database().rpartition("/")
        self._numbers = itertools.count(1)
        migrate(f"{self._server}/{self._name}", folder)

    def copy(self) -> str:
        """A new database with nothing but the schema; its URL."""
        name = f"{self._name}_{next(self._numbers)}"
        self._postgres.execute(f"CREATE DATABASE {name} TEMPLATE {self._name}")
        return f"{self._server}/{name}"
