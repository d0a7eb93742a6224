"""A whole installation on each kind of database, and watchdogs that observe it."""

from tests.support.site_fixtures import (
    living_links,
    migrated_url,
    no_variables_of_the_caller,
    site,
)
from tests.support.watchdog_fixtures import scans, watchdogs

__all__ = [
    "living_links",
    "migrated_url",
    "no_variables_of_the_caller",
    "scans",
    "site",
    "watchdogs",
]
