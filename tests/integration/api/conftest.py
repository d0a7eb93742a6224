"""A runtime on a migrated database and an empty folder, and the API over it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from easyai.api.server import create_app
from easyai.runtime import Runtime, open_runtime
from tests.integration.api.anywhere import ClientAddress, Site
from tests.integration.api.live import LiveApi, RecordingDoorbell
from tests.support.site_fixtures import migrated_url

__all__ = ["migrated_url"]

OpenRuntime = Callable[[str], Runtime]


@pytest.fixture
def doorbell() -> RecordingDoorbell:
    """Records the types for which workers were woken."""
    return RecordingDoorbell()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of the frames."""
    return tmp_path / "snapshots"


@pytest.fixture
def open_on(
    tmp_path: Path, folder: Path, doorbell: RecordingDoorbell, monkeypatch: pytest.MonkeyPatch
) -> Iterator[OpenRuntime]:
    """Opens runtimes on a database URL; closes them after the test."""
    monkeypatch.setenv("EASYAI_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("EASYAI_FRAME_EXTRACTOR__OUTPUT_DIR", str(folder))
    networks = '["127.0.0.0/8", "10.0.0.0/8", "192.168.0.0/16"]'
    monkeypatch.setenv("EASYAI_AI_ANALYSIS__SERVICE_NETWORKS", networks)
    opened: list[Runtime] = []

    def open_it(url: str) -> Runtime:
        monkeypatch.setenv("EASYAI_DATABASE_URL", url)
        opened.append(open_runtime(doorbell=doorbell))
        return opened[-1]

    yield open_it
    for runtime in opened:
        runtime.close()


@pytest.fixture
def runtime(migrated_url: str, open_on: OpenRuntime) -> Runtime:
    """A runtime on an empty database of each kind."""
    return open_on(migrated_url)


@pytest.fixture
def api(runtime: Runtime) -> Iterator[LiveApi]:
    """The API on each kind of database."""
    with LiveApi(create_app(runtime)) as live:
        yield live


@pytest.fixture
def sqlite_runtime(migrated_file: Path, tmp_path: Path, open_on: OpenRuntime) -> Runtime:
    """A runtime for tests that do not depend on the kind of database."""
    shutil.copy(migrated_file, tmp_path / "easyai.db")
    return open_on(f"sqlite:///{tmp_path / 'easyai.db'}")


@pytest.fixture
def sqlite_api(sqlite_runtime: Runtime) -> Iterator[LiveApi]:
    """The API for tests that do not depend on the kind of database."""
    with LiveApi(create_app(sqlite_runtime)) as live:
        yield live


@pytest.fixture
def open_site(sqlite_runtime: Runtime, tmp_path: Path) -> Iterator[Callable[[], Site]]:
    """Opens the site with the settings of the environment at that time."""
    with ExitStack() as stack:

        def opened() -> Site:
            client = ClientAddress(create_app(sqlite_runtime))
            live = stack.enter_context(LiveApi(client))
            return Site(sqlite_runtime, tmp_path / "data", live, client)

        yield opened


@pytest.fixture
def site(open_site: Callable[[], Site]) -> Site:
    """The site with default settings."""
    return open_site()
