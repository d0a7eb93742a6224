"""A channel to RabbitMQ whose connection is lost."""

# amqp has no types for its functions.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import amqp
import pytest
from amqp.exceptions import RecoverableConnectionError

from easyai.broker.rabbitmq_transport import Channel, Connection


@pytest.mark.parametrize(
    "use",
    [
        lambda channel: channel.basic_publish_confirm(amqp.Message(b"{}"), exchange="easyai"),
        lambda channel: channel.queue_declare("easyai"),
    ],
    ids=["publish", "declare"],
)
def test_collected_channel_raises_an_error_that_kombu_recovers_from(
    use: Callable[[Any], object],
) -> None:
    channel = Channel(Connection("127.0.0.1"), 1)
    channel.collect()
    with pytest.raises(RecoverableConnectionError):
        use(channel)
