"""The embedded broker as a test uses it: real connections on a shared folder."""

# kombu declares that it is typed, but few of its functions are.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from pathlib import Path
from typing import Any

from kombu.connection import Connection
from kombu.entity import Exchange, Queue
from kombu.messaging import Consumer, Producer

from easyai.broker import transports


class Broker:
    """Opens connections to a folder and closes them all."""

    def __init__(self, folder: Path, **options: Any) -> None:
        transports.register()
        self.folder = folder
        self.options = {
            "data_folder_in": str(folder / "queue"),
            "data_folder_out": str(folder / "queue"),
            "processed_folder": str(folder / "claimed"),
            "control_folder": str(folder / "control"),
            **options,
        }
        self._open: list[Any] = []

    def connect(self) -> Any:
        """A new connection."""
        connection = Connection("filesystem://", transport_options=self.options)
        self._open.append(connection)
        return connection

    def put(self, queue: str, *bodies: Any) -> None:
        """Publish to a queue by its name."""
        producer = Producer(self.connect().channel())
        for body in bodies:
            producer.publish(body, exchange="", routing_key=queue, serializer="json")

    def files(self) -> list[Path]:
        """The messages waiting."""
        return sorted((self.folder / "queue").glob("*.msg"))

    def close(self) -> None:
        """Close every connection."""
        for connection in self._open:
            connection.release()


def task_queue(name: str) -> Any:
    """A queue that outlives its consumers."""
    return Queue(name, Exchange("infer", "direct"), routing_key=name)


def mailbox(name: str) -> Any:
    """A queue of a single process, as Celery's remote control makes them."""
    return Queue(name, Exchange("box.pidbox", "fanout", durable=False), auto_delete=True)


class Reader:
    """A consumer and its received messages."""

    def __init__(self, connection: Any, *queues: Any) -> None:
        self.connection = connection
        self.received: list[Any] = []
        self.consumer = Consumer(connection.channel(), list(queues), callbacks=[self._receive])
        self.consumer.consume()

    def _receive(self, body: Any, message: Any) -> None:
        self.received.append(body)
        message.ack()

    def read(self, count: int, timeout: float = 5.0) -> list[Any]:
        """Everything received, once there are `count` messages in all."""
        while len(self.received) < count:
            self.connection.drain_events(timeout=timeout)
        return self.received

    def is_idle(self) -> bool:
        """Whether nothing arrives within three polls."""
        try:
            self.connection.drain_events(timeout=0.1)
        except TimeoutError:
            return True
        return False
