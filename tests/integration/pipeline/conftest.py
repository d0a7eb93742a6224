"""A whole installation on each kind of database."""

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
