"""A whole installation on each kind of database, and the database alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from easyai.db.session import Database
from tests.support.site_fixtures import (
    living_links,
    migrated_url,
    no_variables_of_the_caller,
    site,
)

__all__ = [
    "living_links",
    "migrated_url",
    "no_variables_of_the_caller",
    "site",
]


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    """A migrated database of each kind without alerts."""
    made = Database(migrated_url)
    yield made
    made.dispose()
