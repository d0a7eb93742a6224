"""Messages go by the exchange and routing key that are declared, on every broker."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from kombu.transport import TRANSPORT_ALIASES, get_transport_cls

import easyai.celery
from easyai.broker.queue_names import CONTROL_QUEUE
from easyai.broker.redis_transport import Channel
from easyai.settings.schema import Settings
from easyai.tasks.config import PERIODIC, celery_settings
from easyai.tasks.consumer import Consumer
from easyai.tasks.queues import EXCHANGE, Queues
from easyai.tasks.wake_publisher import Publisher

app = easyai.celery.app


@pytest.mark.parametrize("scheme", ["redis", "rediss", "sentinel"])
def test_on_redis_the_key_names_the_queue_whatever_redis_has_forgotten(scheme: str) -> None:
    assert "easyai" in TRANSPORT_ALIASES[scheme]
    transport: Any = get_transport_cls(scheme)
    assert issubclass(transport.Channel, Channel)
    channel = object.__new__(transport.Channel)  # without any connection
    assert channel._lookup("infer", "infer.人脸") == ["infer.人脸"]
    assert channel._lookup("easyai", "easyai") == ["easyai"]


def test_a_wake_names_the_exchange_of_its_queue() -> None:
    sent: dict[str, Any] = {}
    fake = SimpleNamespace(
        connection_for_write=lambda **_: SimpleNamespace(
            transport=SimpleNamespace(driver_type="memory"), declared_entities=set()
        ),
        conf=SimpleNamespace(broker_url="memory://"),
        amqp=SimpleNamespace(Producer=lambda *_, **__: None, queues=Queues([])),
        send_task=lambda name, **options: sent.update(options),
    )
    Publisher(fake).publish("人脸")
    assert (sent["exchange"], sent["routing_key"]) == (EXCHANGE.name, "infer.人脸")
    assert sent["queue"].exchange == EXCHANGE
    assert sent["argsrepr"] == "人脸"


def test_ticks_name_the_exchange_that_their_queue_hangs_on() -> None:
    routes = celery_settings(Settings())["task_routes"]
    assert set(routes) == set(PERIODIC)
    queue = app.amqp.queues[CONTROL_QUEUE]
    for route in routes.values():
        assert (route["exchange"], route["routing_key"]) == (queue.exchange.name, queue.routing_key)


def test_a_queue_that_an_operator_adds_hangs_on_our_exchange_and_is_served_again() -> None:
    queues = Queues([])
    queues.deselect(["infer.人脸"])
    read: list[str] = []
    reader = SimpleNamespace(
        consuming_from=lambda _: False,
        add_queue=lambda queue: read.append(queue.name),
        consume=lambda: None,
    )
    consumer = SimpleNamespace(
        app=SimpleNamespace(amqp=SimpleNamespace(queues=queues)), task_consumer=reader
    )
    _as_consumer(consumer).add_task_queue("infer.人脸")
    assert read == ["infer.人脸"]
    assert queues["infer.人脸"].exchange == EXCHANGE
    assert queues["infer.人脸"].routing_key == "infer.人脸"
    assert "infer.人脸" not in queues.excluded


def _as_consumer(parts: Any) -> Consumer:
    made: Consumer = object.__new__(Consumer)
    made.app, made.task_consumer = parts.app, parts.task_consumer
    return made
