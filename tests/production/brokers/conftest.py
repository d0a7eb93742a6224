"""Fixtures: an installation on a broker that each test makes for itself."""

from __future__ import annotations

import secrets

import pytest

from tests.integration.celery.conftest import (
    celery_setup,
    installation,
    make_installation,
)
from tests.support.certificates import Authority
from tests.support.rabbitmq_servers import ManagedRabbitmq

__all__ = [
    "celery_setup",
    "installation",
    "make_installation",
]


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Signs the certificates of the servers, and ours."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def broker_url(rabbitmq_server: ManagedRabbitmq) -> str:
    """A fresh virtual host of a running RabbitMQ."""
    return _fresh(rabbitmq_server)


@pytest.fixture(scope="module")
def production_broker_url(rabbitmq_server: ManagedRabbitmq) -> str:
    """The same for the production set-up."""
    return _fresh(rabbitmq_server)


def _fresh(server: ManagedRabbitmq) -> str:
    server.start()
    host = f"host-{secrets.token_hex(3)}"
    server.control("add_vhost", host)
    server.control("set_permissions", "-p", host, "guest", ".*", ".*", ".*")
    return f"amqp://guest:guest@127.0.0.1:{server.port}/{host}"
