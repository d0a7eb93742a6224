"""Databases and settings of the property tests.

``pytest tests/properties --hypothesis-profile=long`` searches for minutes, anew with every run.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support.services import PostgresServer
from tests.support.site_fixtures import empty, no_variables_of_the_caller

__all__ = ["no_variables_of_the_caller"]

_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]

settings.register_profile(
    "long",
    max_examples=1500,
    stateful_step_count=80,
    deadline=None,
    print_blob=True,
    suppress_health_check=_SLOW,
)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """Each kind of database."""
    kind: str = request.param
    return kind


@pytest.fixture
def fresh_url(request: pytest.FixtureRequest, database_kind: str) -> Callable[[Path], str]:
    """Makes an empty ledger; SQLite's file lies in the folder given."""
    if database_kind == "sqlite":
        migrated: Path = request.getfixturevalue("migrated_file")
        return lambda folder: _copy(migrated, folder / "easyai.db")
    server: PostgresServer = request.getfixturevalue("postgres_server")
    server.start()
    url: str = request.getfixturevalue("migrated_database")
    return lambda _: _empty(url)


def _copy(migrated: Path, path: Path) -> str:
    shutil.copy(migrated, path)
    return f"sqlite:///{path}"


def _empty(url: str) -> str:
    empty(url)
    return url
