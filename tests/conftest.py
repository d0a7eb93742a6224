"""Fixtures for every test: real servers, started once a session when first asked for."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from easyai.db import migrate
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.ports import release_ports
from tests.support.rabbitmq_servers import ManagedRabbitmq
from tests.support.server_process import ServerProcess
from tests.support.services import PostgresServer, RedisServer

pytest_plugins = ["tests.support.left_out"]
# Until all tests are collected: what is imported stays, so no garbage collection is needed; and the
# rewritten assertions are kept for the next run, also where containers set PYTHONDONTWRITEBYTECODE.
gc.disable()
_WRITES_NO_BYTECODE, sys.dont_write_bytecode = sys.dont_write_bytecode, False

S = TypeVar("S", bound=ServerProcess)


@pytest.fixture(autouse=True, scope="module")
def _notes_apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What `up` notes for other commands of this user stays within the file of tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the PostgreSQL variant of tests whose subject stands above the SQL."""
    left_out = {
        item
        for item in items
        if item.get_closest_marker("sqlite_only") and _has_value(item, "postgresql")
    }
    config.hook.pytest_deselected(items=list(left_out))
    items[:] = [item for item in items if item not in left_out]


def pytest_collection_finish() -> None:
    """Keep modules and tests out of every later garbage collection: seconds of CPU."""
    gc.freeze()
    gc.enable()
    sys.dont_write_bytecode = _WRITES_NO_BYTECODE


def _has_value(item: pytest.Item, value: str) -> bool:
    parameters = getattr(item, "callspec", None)  # only of a test with parameters
    return parameters is not None and value in parameters.params.values()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Broken Unicode in a captured log must not keep a report from crossing between processes."""
    report = yield
    report.sections = [
        (name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections
    ]
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Generator[None, object, object]:
    """The ports that a test has drawn are its own until everything of it has ended."""
    try:
        return (yield)
    finally:
        release_ports()


def _started(kind: Callable[[], S]) -> Iterator[S]:
    server = kind()
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL of this session; a test that stops it starts it again."""
    yield from _started(PostgresServer)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """A Redis of this session; a test that stops it starts it again."""
    yield from _started(RedisServer)


@pytest.fixture(scope="session")
def rabbitmq_server() -> Iterator[ManagedRabbitmq]:
    """A RabbitMQ of this session; a test that stops it starts it again."""
    yield from _started(ManagedRabbitmq)


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The SQLAlchemy URL of a fresh, empty database."""
    postgres_server.start()  # no cost when it runs; the test before may have left it stopped
    url = postgres_server.create_database()
    yield url
    postgres_server.start()
    postgres_server.drop_database(url)


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


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """The broker URL of a running, empty Redis."""
    redis_server.start()
    redis_server.flush()
    return redis_server.url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A fresh, empty database of each kind that easyai supports."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'easyai.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
def algorithm() -> Iterator[AlgorithmStub]:
    """A running algorithm service that finds one object in every frame."""
    with AlgorithmStub() as stub:
        yield stub
