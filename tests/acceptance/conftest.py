"""Fixtures of the acceptance tests: the whole system as a user starts it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.easyai_process import EasyaiProcess
from tests.support.outside import Outside
from tests.support.services import RedisServer


@pytest.fixture
def easyai(tmp_path: Path) -> Iterator[EasyaiProcess]:
    """``easyai up`` with the embedded defaults, not started yet."""
    with EasyaiProcess(tmp_path) as process:
        yield process


@pytest.fixture
def forked(tmp_path: Path) -> Iterator[EasyaiProcess]:
    """As `easyai`, for tests of what it does once it runs."""
    with EasyaiProcess(tmp_path, forked=True) as process:
        yield process


@pytest.fixture(scope="module")
def production_broker_url(redis_server: RedisServer) -> str:
    """The broker of the production set-up."""
    redis_server.start()
    return redis_server.url


# Not for the whole session: it would work, and take CPU, beside all tests of other packages.
@pytest.fixture(scope="package")
def shared_easyai(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EasyaiProcess]:
    """An ``easyai up`` for many tests: a start for each test would take most of their time."""
    with EasyaiProcess(tmp_path_factory.mktemp("shared"), forked=True) as process:
        yield process
        if process.started:
            process.stop()


_DEFAULTS = "# the defaults\n"  # an emptied file would leave the old settings in force


@pytest.fixture(scope="module")
def running(shared_easyai: EasyaiProcess) -> Iterator[EasyaiProcess]:
    """A running ``easyai up`` with default settings; tests take task types of their own."""
    if not shared_easyai.ready():
        shared_easyai.kill_everything()
        shared_easyai.start()
    if shared_easyai.config.read_text(encoding="utf-8") not in ("", _DEFAULTS):
        shared_easyai.reconfigure(_DEFAULTS)
    yield shared_easyai
    if shared_easyai.ready():
        Outside(shared_easyai.url, shared_easyai.frames).clear_services()


@pytest.fixture
def site(running: EasyaiProcess) -> Outside:
    """The running installation as cameras, services and operators see it."""
    return Outside(running.url, running.frames)
