"""SeaweedFS in the place of the object store that the other tests run on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.store.places import BucketPlace, started
from tests.support.seaweed_server import SeaweedServer
from tests.support.site_fixtures import migrated_url, no_variables_of_the_caller

__all__ = ["migrated_url", "no_variables_of_the_caller"]


@pytest.fixture(scope="session")
def object_server() -> Iterator[SeaweedServer]:
    """A SeaweedFS of this session; a test that stops it starts it again."""
    yield from started(SeaweedServer())


@pytest.fixture
def bucket(object_server: SeaweedServer) -> BucketPlace:
    """A fresh bucket of a running object store."""
    object_server.start()
    return BucketPlace(object_server)


@pytest.fixture
def place(bucket: BucketPlace) -> BucketPlace:
    """The only kind of store here."""
    return bucket
