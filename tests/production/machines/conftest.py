"""An installation on many machines for all tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.production.machines.network import Network
from tests.production.machines.servers import Servers
from tests.production.machines.site import Machines, Site


@pytest.fixture(scope="module")
def machines() -> Iterator[Machines]:
    """The test itself is on the machine of the servers meanwhile."""
    with Network() as network:
        made = Machines(network)
        with made.servers.entered():
            yield made


@pytest.fixture(scope="module")
def network(machines: Machines) -> Network:
    """The network of the machines."""
    return machines.network


@pytest.fixture(scope="module")
def servers(machines: Machines) -> Iterator[Servers]:
    """PostgreSQL, Redis and an object store."""
    with Servers(machines.servers) as running:
        yield running


@pytest.fixture(scope="module")
def site(
    machines: Machines, servers: Servers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """An installation at work, without frames."""
    made = Site(machines, servers, tmp_path_factory.mktemp("machines"))
    try:
        made.migrate()
        made.start()
        yield made
    finally:
        print(made.output())  # pytest shows it when a test failed
        made.close()
