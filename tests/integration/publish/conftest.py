"""A whole installation on each kind of database, and each kind of bus."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.publish.buses import BusPlace, KafkaPlace, RabbitPlace, RedisPlace
from tests.support.kafka_cluster import KafkaCluster
from tests.support.services import RabbitmqServer, RedisServer
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


@pytest.fixture(scope="session")
def kafka_cluster() -> Iterator[KafkaCluster]:
    """A stand-in for Kafka of this session."""
    with KafkaCluster() as cluster:
        assert isinstance(cluster, KafkaCluster)
        yield cluster


@pytest.fixture
def redis_bus(redis_server: RedisServer) -> RedisPlace:
    """An empty Redis."""
    redis_server.start()
    redis_server.flush()
    return RedisPlace(redis_server)


@pytest.fixture
def rabbit_bus(rabbitmq_server: RabbitmqServer) -> Iterator[RabbitPlace]:
    """A RabbitMQ with a durable queue that gets every alert of a fresh exchange."""
    rabbitmq_server.start()
    place = RabbitPlace(rabbitmq_server)
    yield place
    place.close()


@pytest.fixture
def kafka_bus(kafka_cluster: KafkaCluster) -> KafkaPlace:
    """A fresh topic."""
    return KafkaPlace(kafka_cluster)


@pytest.fixture(params=["redis", "rabbitmq", "kafka"])
def bus(request: pytest.FixtureRequest) -> BusPlace:
    """Each kind of bus."""
    names = {"redis": "redis_bus", "rabbitmq": "rabbit_bus", "kafka": "kafka_bus"}
    place: BusPlace = request.getfixturevalue(names[request.param])
    return place
