"""The API with the dashboard, over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from easyai.dashboard.dashboard_app import create_app
from easyai.runtime import Runtime
from tests.integration.api.conftest import (
    doorbell,
    folder,
    open_on,
    runtime,
    sqlite_runtime,
)
from tests.integration.api.live import LiveApi
from tests.integration.dashboard.people import Dashboard
from tests.integration.dashboard.rows import Rows
from tests.support.site_fixtures import migrated_url

__all__ = [
    "doorbell",
    "folder",
    "migrated_url",
    "open_on",
    "runtime",
    "sqlite_runtime",
]


@pytest.fixture
def pages(sqlite_runtime: Runtime) -> Iterator[LiveApi]:
    """The dashboard for tests that do not depend on the kind of database."""
    with LiveApi(create_app(sqlite_runtime)) as live:
        yield live


@pytest.fixture
def site(sqlite_runtime: Runtime) -> Iterator[Dashboard]:
    """The dashboard, called from this machine."""
    with Dashboard(sqlite_runtime) as site:
        site.client.address = "127.0.0.1"
        yield site


@pytest.fixture
def api(runtime: Runtime) -> Iterator[LiveApi]:
    """The dashboard on each kind of database."""
    with LiveApi(create_app(runtime)) as live:
        yield live


@pytest.fixture
def sqlite_api(pages: LiveApi) -> LiveApi:
    """The dashboard for tests that do not depend on the kind of database."""
    return pages


@pytest.fixture
def rows(runtime: Runtime, folder: Path) -> Rows:
    """Writes rows and pictures of each kind of database."""
    return Rows(runtime, folder)


@pytest.fixture
def sqlite_rows(sqlite_runtime: Runtime, folder: Path) -> Rows:
    """Writes rows and pictures for tests that do not depend on the kind of database."""
    return Rows(sqlite_runtime, folder)
