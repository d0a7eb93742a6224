"""A whole installation on each kind of database."""

from collections.abc import Iterator

import pytest

from tests.integration.health.kennel import Kennel
from tests.integration.health.scans import Scans
from tests.support.site import Installation
from tests.support.site_fixtures import (
    living_links,
    migrated_database,
    migrated_file,
    migrated_url,
    no_variables_of_the_caller,
    site,
)


@pytest.fixture
def kennel(site: Installation) -> Iterator[Kennel]:
    """Watchdogs on the installation, ended with the test."""
    made = Kennel(site)
    yield made
    made.close()


@pytest.fixture
def scans(site: Installation) -> Iterator[Scans]:
    """A worker that scans."""
    made = Scans(site)
    yield made
    made.cease()


__all__ = [
    "living_links",
    "migrated_database",
    "migrated_file",
    "migrated_url",
    "no_variables_of_the_caller",
    "site",
]
