"""Errors of Kafka's client are raised as the bus's own error."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaError, KafkaException

from easyai.errors import BusUnavailableError
from easyai.publish.kafka import KafkaBus


class _AtItsEnd:
    """A producer with a fatal error; a fake, for no broker here refuses a producer so."""

    def list_topics(self, topic: str, timeout: float) -> None:
        """Fail as without a broker."""
        raise KafkaException(KafkaError(KafkaError._TRANSPORT, "no broker"))

    def poll(self, seconds: float) -> None:
        """Raise the fatal error, as the client does."""
        raise KafkaException(KafkaError(KafkaError.CLUSTER_AUTHORIZATION_FAILED, "no right"))


def test_bus_check_reports_a_producer_with_a_fatal_error() -> None:
    bus = KafkaBus("127.0.0.1:9", "t")
    bus._producer = _AtItsEnd()
    with pytest.raises(BusUnavailableError, match=r"no broker \(no right\)"):
        bus.check()
