"""A Kafka cluster for tests.

Debian has no Kafka. This is librdkafka's own mock cluster: no Kafka, but it speaks the real
protocol over TCP (metadata, idempotent produce, fetch), checks producer ids and sequence numbers,
and keeps what it was given. It runs in a process of its own, so that a test can freeze and kill it.

It is made through librdkafka's C functions, as only these can make it answer with an error.
"""

from __future__ import annotations

import ctypes
import json
import signal
import sys
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from tests.support.server_process import ServerProcess
from tests.support.waiting import wait_until

_BROKERS = 3
_PRODUCE = 0  # Kafka's number of the request
_OUT_OF_ORDER_SEQUENCE_NUMBER = 45
_TOLD = "cluster of easyai: "


class KafkaCluster(ServerProcess):
    """Three brokers on ports of their own choice; a restart forgets everything and moves them."""

    name = "kafka-mock"

    def command(self) -> list[str]:
        """This module."""
        return [sys.executable, "-m", "tests.support.kafka_cluster"]

    def answers(self) -> bool:
        """It has printed its addresses."""
        return bool(self.addresses)

    @property
    def addresses(self) -> str:
        """For ``mq_address``."""
        if not self.log_path.exists():
            return ""
        lines = [line for line in self.log_path.read_text().splitlines() if _TOLD in line]
        return lines[-1].partition(_TOLD)[2] if lines else ""

    def forget_producers(self) -> None:
        """Answer the next batch as brokers do that came back empty, and know no producer of before.

        (This cluster does not check the sequence numbers of producers that it does not know.)
        """
        self._signal_group(signal.SIGUSR1)

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
                found.extend(
                    message for message in consumer.consume(1000, 0.3) if not message.error()
                )
                return len(found) >= count

            wait_until(enough, timeout, f"{count} messages in {topic}")
            found.extend(message for message in consumer.consume(1000, 0.3) if not message.error())
        finally:
            consumer.close()
        return found


def alert_of(message: Any) -> dict[str, Any]:
    """The content of a message."""
    alert: dict[str, Any] = json.loads(message.value())
    return alert


def main() -> None:
    """Run the cluster until killed."""
    library = _librdkafka()
    client = library.rd_kafka_new(0, library.rd_kafka_conf_new(), None, 0)
    cluster = library.rd_kafka_mock_cluster_new(client, _BROKERS)

    def forget_producers(_number: int, _frame: Any) -> None:
        errors = (ctypes.c_int * 1)(_OUT_OF_ORDER_SEQUENCE_NUMBER)
        library.rd_kafka_mock_push_request_errors_array(cluster, _PRODUCE, 1, errors)

    signal.signal(signal.SIGUSR1, forget_producers)
    addresses = library.rd_kafka_mock_cluster_bootstraps(cluster).decode()
    sys.stdout.write(f"{_TOLD}{addresses}\n")
    sys.stdout.flush()
    while True:
        signal.pause()


def _librdkafka() -> ctypes.CDLL:
    """The library that confluent_kafka has loaded, with the types of the functions used here."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    # The path is the sixth part, and may have blanks.
    path = next(line.split(maxsplit=5)[5] for line in lines if "librdkafka" in line)
    library = ctypes.CDLL(path)
    pointer, array = ctypes.c_void_p, ctypes.POINTER(ctypes.c_int)
    library.rd_kafka_conf_new.restype = pointer
    library.rd_kafka_new.restype = pointer
    library.rd_kafka_new.argtypes = [ctypes.c_int, pointer, ctypes.c_char_p, ctypes.c_size_t]
    library.rd_kafka_mock_cluster_new.restype = pointer
    library.rd_kafka_mock_cluster_new.argtypes = [pointer, ctypes.c_int]
    library.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
    library.rd_kafka_mock_cluster_bootstraps.argtypes = [pointer]
    push = library.rd_kafka_mock_push_request_errors_array
    push.argtypes = [pointer, ctypes.c_int16, ctypes.c_size_t, array]
    return library


if __name__ == "__main__":
    main()
