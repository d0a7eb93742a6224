"""The consumer's end of each bus."""

from __future__ import annotations

import itertools
import json
import signal
import subprocess
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, NamedTuple

import amqp
import redis

from tests.support.kafka_cluster import KafkaCluster
from tests.support.server_process import ServerProcess
from tests.support.services import RabbitmqServer, RedisServer
from tests.support.waiting import wait_until

_numbers = itertools.count(1)


class Received(NamedTuple):
    """A message."""

    key: str  # task_id on Kafka, the routing key on RabbitMQ, the field on Redis
    alert: dict[str, Any]


class BusPlace(ABC):
    """A bus, and its consumers of alerts of frames and of system alarms."""

    kind: str
    address: str

    def __init__(self, server: ServerProcess) -> None:
        self.server = server
        self.topic = f"alerts.{next(_numbers)}"

    @property
    def system_topic(self) -> str:
        """The default topic of system alarms."""
        return f"{self.topic}.system"

    @property
    def settings(self) -> dict[str, Any]:
        """The settings below ``[ai_analysis]``."""
        return {"mq_type": self.kind, "mq_address": self.address, "mq_topic": self.topic}

    @abstractmethod
    def received(self, count: int, topic: str = "") -> list[Received]:
        """All messages so far (of `topic`), at least `count`."""

    def ids(self, count: int) -> list[int]:
        """The ids of all alerts so far, at least `count`."""
        return [message.alert["id"] for message in self.received(count)]

    def break_down(self) -> None:
        """Stop the bus."""
        self.server.stop()

    def repair(self) -> None:
        """Start the bus again."""
        self.server.start()

    def fill_up(self) -> None:
        """Make the bus full by its memory limit."""
        raise NotImplementedError

    def make_room(self) -> None:
        """Remove the memory limit."""
        raise NotImplementedError


class RedisPlace(BusPlace):
    """A stream."""

    kind = "redis"

    def __init__(self, server: RedisServer) -> None:
        super().__init__(server)
        self.address = server.url
        self.client: Any = redis.Redis.from_url(server.url)

    def received(self, count: int, topic: str = "") -> list[Received]:
        """All entries."""
        stream = topic or self.topic
        entries = wait_until(lambda: self._entries(stream, count), 10, f"{count} entries")
        self.client.close()
        return [
            Received(field.decode(), json.loads(value))
            for _, entry in entries
            for field, value in entry.items()
        ]

    def fill_up(self) -> None:
        """Commands that add data are answered with OOM."""
        self.client.config_set("maxmemory-policy", "noeviction")
        self.client.config_set("maxmemory", 1)

    def make_room(self) -> None:
        """No limit."""
        self.client.config_set("maxmemory", 0)

    def _entries(self, stream: str, count: int) -> list[Any]:
        entries: list[Any] = self.client.xrange(stream)
        return entries if len(entries) >= count else []


class RabbitPlace(BusPlace):
    """Two topic exchanges, each with a durable queue that gets every message."""

    kind = "rabbitmq"

    def __init__(self, server: RabbitmqServer) -> None:
        super().__init__(server)
        self.address = server.url
        self._found: dict[str, list[Received]] = {self.topic: [], self.system_topic: []}
        self.bind(self.topic, "#")
        self.bind(self.system_topic, "#", exchange=self.system_topic)

    def control(self, *arguments: str) -> str:
        """The output of ``rabbitmqctl``."""
        program = Path(self.server.command()[0]).with_name("rabbitmqctl")
        done = subprocess.run(
            [program, "-q", *arguments],
            env=self.server.environment(),
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return done.stdout

    def fill_up(self) -> None:
        """Raise the memory alarm."""
        self.control("set_vm_memory_high_watermark", "0.000001")

    def make_room(self) -> None:
        """Restore the default."""
        self.control("set_vm_memory_high_watermark", "0.4")

    def connect(self) -> Any:
        """A consumer's own connection."""
        connection = amqp.Connection(f"127.0.0.1:{self.server.port}", connect_timeout=5)
        connection.connect()
        return connection

    def bind(self, queue: str, key: str, *, exchange: str = "", **arguments: Any) -> None:
        """Declare the exchange, and a durable queue bound with a key."""
        exchange = exchange or self.topic
        with self.connect() as connection:
            channel = connection.channel()
            channel.exchange_declare(exchange, "topic", durable=True, auto_delete=False)
            declared = {name.replace("_", "-"): value for name, value in arguments.items()}
            channel.queue_declare(queue, durable=True, auto_delete=False, arguments=declared)
            channel.queue_bind(queue, exchange, key)

    def unbind(self, queue: str, key: str) -> None:
        """Route no more messages to a queue."""
        with self.connect() as connection:
            connection.channel().queue_unbind(queue, self.topic, key)

    def queued(self) -> int:
        """The number of messages in the queue that gets every message."""
        with self.connect() as connection:
            declared = connection.channel().queue_declare(self.topic, passive=True)
            return int(declared.message_count)

    def received(self, count: int, topic: str = "") -> list[Received]:
        """All messages of the queue that gets every message; taken messages are remembered."""
        queue = topic or self.topic
        found = self._found[queue]
        with self.connect() as connection:
            channel = connection.channel()

            def enough() -> bool:
                found.extend(self.taken(channel, queue))
                return len(found) >= count

            wait_until(enough, 10, f"{count} messages")
        return found

    @staticmethod
    def taken(channel: Any, queue: str) -> list[Received]:
        """Take all messages of a queue."""
        found = []
        while (message := channel.basic_get(queue, no_ack=True)) is not None:
            body = message.body
            text = body.decode() if isinstance(body, bytes) else body
            found.append(Received(message.delivery_info["routing_key"], json.loads(text)))
        return found

    def close(self) -> None:
        """Remove exchanges and queues."""
        self.server.start()
        with self.connect() as connection:
            channel = connection.channel()
            for name in self._found:
                channel.queue_delete(name)
                channel.exchange_delete(name)


class KafkaPlace(BusPlace):
    """A topic of the stand-in for Kafka; frozen, because a stopped stand-in forgets all."""

    kind = "kafka"
    server: KafkaCluster

    def __init__(self, cluster: KafkaCluster) -> None:
        super().__init__(cluster)
        self.address = cluster.addresses

    def received(self, count: int, topic: str = "") -> list[Received]:
        """All messages of all partitions."""
        found = self.server.messages(topic or self.topic, count)
        return [Received(message.key().decode(), json.loads(message.value())) for message in found]

    def break_down(self) -> None:
        """Freeze every thread of the cluster."""
        self.server.pause()
        pid = self.server._process.pid if self.server._process else 0
        tasks = Path(f"/proc/{pid}/task")
        wait_until(lambda: all(_state(task) == "T" for task in tasks.iterdir()), 5, "it is frozen")

    def repair(self) -> None:
        """Continue the cluster."""
        self.server._signal_group(signal.SIGCONT)


def _state(task: Path) -> str:
    return (task / "stat").read_text().rpartition(")")[2].split()[0]
