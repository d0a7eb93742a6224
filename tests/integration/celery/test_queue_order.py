"""A tick waits for no wake, however many task types are busy."""

# kombu declares itself typed, but few of its functions are.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import time
from typing import Any

from kombu.entity import Queue
from kombu.messaging import Consumer, Producer

from easyai.broker.queue_names import CONTROL_QUEUE
from easyai.tasks.queues import EXCHANGE, Queues, queue_name
from tests.integration.celery.installation import Installation

TYPES = [f"type-{number:03d}" for number in range(200)]
_LOOK_SEC = 0.1  # longer than the pause of the embedded broker between two looks for messages
WAKES = 3  # waiting in the queue of each type


def test_tick_is_read_before_the_wakes_of_many_types(
    installation: Installation,
) -> None:
    control = Queue(CONTROL_QUEUE, EXCHANGE, routing_key=CONTROL_QUEUE)
    queues = [*(Queues([]).declaration(queue_name(name)) for name in TYPES), control]
    read: list[str] = []

    def note(_body: Any, message: Any) -> None:
        read.append(message.delivery_info["routing_key"])
        message.ack()

    with installation.app.connection_for_read() as connection:
        producer = Producer(connection, EXCHANGE)
        for queue in queues[:-1]:
            for number in range(WAKES):
                producer.publish(number, routing_key=queue.name, declare=[queue])
        with Consumer(connection, queues, callbacks=[note]):
            for turn in range(3):
                for _ in range(50):
                    connection.drain_events(timeout=10)
                producer.publish(turn, routing_key=CONTROL_QUEUE)
                time.sleep(_LOOK_SEC)
                connection.drain_events(timeout=10)  # requested before the tick came
                connection.drain_events(timeout=10)
                assert CONTROL_QUEUE in read[-2:]
                assert read.count(CONTROL_QUEUE) == turn + 1
    assert len(set(read)) > 140, "the types get their turns as before"
