"""A Kafka cluster for tests.

Debian has no Kafka. This is librdkafka's own mock cluster: no Kafka, but it speaks the real
protocol over TCP (metadata, idempotent produce, fetch), checks producer ids and sequence numbers,
and keeps what it was given. It runs in a process of its own, so that a test can freeze and kill it.
"""

from __future__ import annotations

import json
import signal
import sys
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition

from tests.support.server_process import ServerProcess
from tests.support.waiting import wait_until

_BROKERS = 3
_TOLD = "cluster of easyai: "


class KafkaCluster(ServerProcess):
    """Three brokers on ports of their own choice; a restart forgets everything and moves them."""

    name = "kafka-mock"

    def command(self) -> list[str]:
        """This module."""
        return [sys.executable, "-m", "tests.support.kafka_cluster"]

    def answers(self) -> bool:
        """It has told its addresses."""
        return bool(self.addresses)

    @property
    def addresses(self) -> str:
        """For ``mq_address``."""
        if not self.log_path.exists():
            return ""
        told = [line for line in self.log_path.read_text().splitlines() if _TOLD in line]
        return told[-1].partition(_TOLD)[2] if told else ""

    def messages(self, topic: str, count: int, timeout: float = 15.0) -> list[Any]:
        """All messages of a topic, at least `count`, in order within each partition."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.addresses,
                "group.id": "test",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "log_level": 0,
            }
        )
        try:
            partitions = consumer.list_topics(topic, timeout=5).topics[topic].partitions
            consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
            found: list[Any] = []

            def enough() -> bool:
                found.extend(one for one in consumer.consume(1000, 0.3) if not one.error())
                return len(found) >= count

            wait_until(enough, timeout, f"{count} messages in {topic}")
            found.extend(one for one in consumer.consume(1000, 0.3) if not one.error())
        finally:
            consumer.close()
        return found


def alert_of(message: Any) -> dict[str, Any]:
    """What a message carries."""
    alert: dict[str, Any] = json.loads(message.value())
    return alert


def main() -> None:
    """Run the cluster until killed."""
    cluster = Producer({"bootstrap.servers": "none", "test.mock.num.brokers": _BROKERS})
    brokers = cluster.list_topics(timeout=10).brokers.values()
    addresses = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
    sys.stdout.write(f"{_TOLD}{addresses}\n")
    sys.stdout.flush()
    signal.pause()


if __name__ == "__main__":
    main()
