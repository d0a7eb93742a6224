"""Limits of AMQP: an address that it cannot read, a routing key that is too long."""

from __future__ import annotations

import pytest

from easyai.errors import SettingsError
from easyai.publish.amqp import AmqpBus, routing_key
from easyai.publish.bus_interface import Message


def test_an_address_that_amqp_cannot_read_is_refused_without_its_text() -> None:
    with pytest.raises(SettingsError, match=r"ai_analysis\.mq_address") as caught:
        AmqpBus("amqp://user:SECRET", "easyai.alerts")
    assert "SECRET" not in str(caught.value)


def test_a_routing_key_longer_than_amqp_allows_is_cut_between_characters() -> None:
    assert routing_key(Message(1, "人数统计", "门口2", b"")) == "人数统计.门口2"
    key = routing_key(Message(1, "人" * 80, "门" * 80, b""))
    assert key == "人" * 80 + "." + "门" * 4
    assert len(key.encode()) <= 255
