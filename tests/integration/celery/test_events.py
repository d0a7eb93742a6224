"""Celery's events (``-E``) while RabbitMQ takes no messages."""

# kombu declares itself typed, but few of its functions are.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from typing import Any

import pytest
from celery import Celery
from celery.events import EventDispatcher
from kombu.connection import Connection

from easyai.broker.broker_reasons import BlockedError
from easyai.broker.rabbitmq_transport import Transport
from tests.support.rabbitmq_servers import ManagedRabbitmq


def test_celery_events_do_not_pile_up_during_a_rabbitmq_alarm(
    rabbitmq_server: ManagedRabbitmq,
) -> None:
    rabbitmq_server.start()
    app = Celery("easyai", set_as_current=False)
    app.conf.event_exchange = "easyaiev"
    connection: Any = Connection(
        hostname="127.0.0.1",
        port=rabbitmq_server.port,
        transport=Transport,
        transport_options={"confirm_publish": True},
    )
    with connection, EventDispatcher(connection, app=app) as dispatcher:
        dispatcher.send("worker-heartbeat")
        rabbitmq_server.control("set_vm_memory_high_watermark", "0.000001")
        try:
            for _ in range(20):
                dispatcher.send("worker-heartbeat")
            assert len(dispatcher._outbound_buffer) == 0
            with pytest.raises(BlockedError):  # other messages are still refused
                dispatcher.producer.publish({}, exchange="amq.topic", routing_key="easyai")
        finally:
            rabbitmq_server.control("set_vm_memory_high_watermark", "0.4")
