"""Queues of RabbitMQ that somebody deletes under a running worker."""

# kombu ships type information, but few of its functions are typed.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest
from amqp.exceptions import ConsumerCancelled, NotFound
from celery.worker import loops
from kombu.connection import Connection
from kombu.entity import Queue
from kombu.messaging import Consumer as QueueConsumer

from easyai.broker import transports
from easyai.tasks.consumer import Consumer
from tests.support.rabbitmq_servers import ManagedRabbitmq
from tests.support.waiting import wait_until

QUEUE = "easyai.deleted"


@contextmanager
def _consuming(server: ManagedRabbitmq) -> Iterator[tuple[Any, Any]]:
    """A connection, and a worker's consumer that reads a queue on it."""
    transports.register()
    server.start()
    with Connection(server.url) as connection:
        queue = Queue(QUEUE, channel=connection.default_channel)
        queue.declare()
        tasks = QueueConsumer(connection.default_channel, [queue])
        tasks.consume()
        yield connection, SimpleNamespace(task_consumer=tasks)


def test_consumer_notices_a_deleted_queue_although_celery_ignored_the_news(
    rabbitmq_server: ManagedRabbitmq,
) -> None:
    with _consuming(rabbitmq_server) as (connection, consumer):
        Consumer.check_queues(consumer)
        rabbitmq_server.control("delete_queue", QUEUE)

        def has_ended() -> bool:
            loops._quick_drain(connection)  # where Celery's loop begins
            return bool(connection.default_channel.connection.lost_consumer)

        wait_until(has_ended, 10, "RabbitMQ has ended the consumer")
        with pytest.raises(ConsumerCancelled):
            Consumer.check_queues(consumer)
        assert issubclass(ConsumerCancelled, connection.connection_errors)  # connects anew


def test_consumer_notices_that_its_channel_was_closed_and_opened_again(
    rabbitmq_server: ManagedRabbitmq,
) -> None:
    with _consuming(rabbitmq_server) as (connection, consumer):
        with pytest.raises(NotFound):
            # A queue that somebody deletes between its declaration and this request.
            connection.default_channel.basic_consume("easyai.gone", False, print, "of the gone")
        assert connection.default_channel.is_open
        with pytest.raises(ConsumerCancelled):
            Consumer.check_queues(consumer)


def test_refused_request_on_a_channel_without_consumers_ends_no_connection(
    rabbitmq_server: ManagedRabbitmq,
) -> None:
    transports.register()
    rabbitmq_server.start()
    with Connection(rabbitmq_server.url) as connection:
        tasks = QueueConsumer(connection.default_channel, [])
        with pytest.raises(NotFound):
            connection.channel().queue_declare("easyai.gone", passive=True)
        Consumer.check_queues(cast(Any, SimpleNamespace(task_consumer=tasks)))
