"""Sends the messages of the doorbell over a connection of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from easyai.broker.broker_reasons import BlockedError
from easyai.broker.connection import publishing_connection
from easyai.tasks.expiry import dated
from easyai.tasks.queues import queue_name

if TYPE_CHECKING:
    from celery import Celery

INFER_TASK = "easyai.infer"
EXPIRES_SEC = 30.0
_MOST_DECLARED = 2000  # declared queues a connection remembers; types come and go for years


def _unknown() -> None:
    """The clock offset for a sender that does not ask the database: None."""


class Publisher:
    """Publishes wakes; for a single thread."""

    def __init__(self, app: Celery, offset_sec: Callable[[], float | None] = _unknown) -> None:
        """`offset_sec` returns by how much this machine's clock is ahead of the database's."""
        self._app = app
        self._offset_sec = offset_sec
        self._connection: Any = None
        self._producer: Any = None

    def publish(self, task_type: str) -> None:
        """Send a wake. Raises the errors of the broker's client, within seconds."""
        fresh = self._connection is None
        try:
            self._send(task_type)
        except BlockedError:
            raise  # the connection works again after the alarm, and RabbitMQ keeps it until then
        except Exception:
            self.close()
            if fresh:
                raise
            # A connection that was opened before the broker's restart fails the first time.
            self._send(task_type)

    def _send(self, task_type: str) -> None:
        app = self._app
        if self._connection is None:
            self._connection = publishing_connection(app)
            self._producer = app.amqp.Producer(self._connection, auto_declare=False)
        if len(self._connection.declared_entities) >= _MOST_DECLARED:
            self._connection.declared_entities.clear()
        queue = app.amqp.queues.declaration(queue_name(task_type))
        app.send_task(
            INFER_TASK,
            args=(task_type,),
            argsrepr=_shown(task_type),
            queue=queue,
            # Without it, Celery would use the nameless exchange, which no declaration shows.
            exchange=queue.exchange.name,
            routing_key=queue.routing_key,
            expires=EXPIRES_SEC,
            headers=dated(None, self._offset_sec()),
            expiration=EXPIRES_SEC,  # RabbitMQ clears the queue of a type without a worker
            ignore_result=True,
            retry=False,
            producer=self._producer,
        )

    def close(self) -> None:
        """Close the connection; the next message opens another."""
        connection, self._connection = self._connection, None
        self._producer = None
        if connection is not None:
            connection.collect(socket_timeout=1.0)


def _shown(task_type: str) -> str:
    """A type as Flower and ``celery inspect`` list it."""
    return task_type if task_type.isprintable() else repr(task_type)
