"""Installations, and pytest-celery's setup made of local processes in place of containers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.celery.installation import Installation

if TYPE_CHECKING:
    from pytest_celery import CeleryTestSetup

MakeInstallation = Callable[..., Installation]
#: Where the kind of broker does not matter, a single kind is enough.
ON_EMBEDDED_BROKER = pytest.mark.parametrize("broker_url", ["filesystem"], indirect=True)
ON_REDIS = pytest.mark.parametrize("broker_url", ["redis"], indirect=True)


class LocalBroker:
    """The broker of an installation in the form of a container of pytest-celery."""

    def __init__(self, url: str) -> None:
        self.celeryconfig = {"url": url, "host_url": url}

    def ready(self) -> bool:
        """True: the fixtures that start a broker wait for it."""
        return True

    def teardown(self) -> None:
        """Nothing to do: the fixtures that start a broker stop it."""


@pytest.fixture
def make_installation(tmp_path: Path) -> Iterator[MakeInstallation]:
    """Makes installations that are closed after the test."""
    made: list[Installation] = []

    def make(**options: Any) -> Installation:
        folder = tmp_path / f"installation{len(made)}"
        folder.mkdir()
        made.append(Installation(folder, **options))
        return made[-1]

    yield make
    for installation in made:
        installation.close()


@pytest.fixture(params=["filesystem", "redis"])
def broker_url(request: pytest.FixtureRequest) -> str:
    """Each kind of broker: embedded ('') and Redis."""
    if request.param == "filesystem":
        return ""
    url: str = request.getfixturevalue("redis_url")
    return url


@pytest.fixture
def installation(make_installation: MakeInstallation, broker_url: str) -> Installation:
    """An installation on each kind of broker."""
    return make_installation(broker_url=broker_url)


@pytest.fixture
def celery_setup(installation: Installation) -> CeleryTestSetup:
    """pytest-celery's setup with a worker, started before the database has any task type."""
    import pytest_celery as containers  # here: the import takes 0.4 s

    assert installation.runtime
    broker = containers.CeleryTestBroker(LocalBroker(installation.app.conf.broker_url))
    worker = containers.CeleryTestWorker(installation.worker(), installation.app)
    return containers.CeleryTestSetup(
        worker_cluster=containers.CeleryWorkerCluster(worker),
        broker_cluster=containers.CeleryBrokerCluster(broker),
        backend_cluster=None,  # results are kept in the ledger only
        app=installation.app,
    )
