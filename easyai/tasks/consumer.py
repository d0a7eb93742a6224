"""The worker's consumer: an error while a lost connection is closed must not end the worker."""

from __future__ import annotations

import logging
import time
from typing import Any, ClassVar, Final

from amqp.exceptions import ConsumerCancelled
from celery.worker.consumer import Consumer as CeleryConsumer

from easyai.domain.unicode_form import nfc

log = logging.getLogger(__name__)

_LEAST_PREFETCHED: Final = 32
_SHORT_SEC: Final = 5.0  # after a connection shorter than this, the consumer waits a little
_LONGEST_REST_SEC: Final = 2.0


class Consumer(CeleryConsumer):  # type: ignore[misc]  # celery has no types
    """Celery's consumer, which reconnects whatever error the close of a lost connection raises.

    Celery ignores only connection errors there. When Redis dies while a message is acknowledged,
    kombu 5.7 keeps a channel without connection, whose closing raises AttributeError. The worker
    would end with "Unrecoverable error".
    """

    class Blueprint(CeleryConsumer.Blueprint):  # type: ignore[misc]
        """Celery's steps without the step for delayed messages, because easyai sends none.

        With quorum queues this step would make 28 exchanges and queues. And before the worker
        consumes again, it would wait for the first host of the address, which may be down.
        """

        default_steps: ClassVar = [
            step
            for step in CeleryConsumer.Blueprint.default_steps
            if "delayed_delivery" not in step
        ]

    _lost_at = float("-inf")  # monotonic
    _rest_sec = 0.0

    def __init__(self, *args: Any, initial_prefetch_count: int = 0, **kwargs: Any) -> None:
        """Prefetch at least 32 messages, whatever the value of ``-c``.

        Ticks of tasks that wait for their thread must not hold up wakes or other periodic tasks.
        """
        count = max(initial_prefetch_count, _LEAST_PREFETCHED)
        super().__init__(*args, initial_prefetch_count=count, **kwargs)

    def add_task_queue(
        self,
        queue: str,
        exchange: str | None = None,
        exchange_type: str | None = None,
        routing_key: str | None = None,
        **options: Any,
    ) -> None:
        """Consume from another queue as well (``control add_consumer``).

        Celery would bind a new queue to an exchange of its own name. And it would read a queue that
        was cancelled before without serving its frames.
        """
        if exchange is None:
            queue = nfc(queue)
            queues = self.app.amqp.queues
            queues.select_add(queues[queue])
        super().add_task_queue(queue, exchange, exchange_type, routing_key, **options)

    def check_queues(self) -> None:
        """Raise ConsumerCancelled if RabbitMQ has ended a consumer of the present connection."""
        channel = getattr(self.task_consumer, "channel", None)
        if getattr(getattr(channel, "connection", None), "lost_consumer", False):
            raise ConsumerCancelled

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Let go of the lost connection; the caller connects anew."""
        try:
            super().on_connection_error_after_connected(exc)
        except Exception as error:  # noqa: BLE001 - the connection is lost either way
            log.warning(
                "lost broker connection not closed in order, connecting anew: %s: %s",
                type(error).__name__,
                error,
            )
        self._rest()

    def _rest(self) -> None:
        """Wait a little when connections are lost in a row, as for a user without permissions.

        Each new connection costs a dozen queries and two lines in the log.
        """
        soon = time.monotonic() - self._lost_at < _SHORT_SEC
        self._rest_sec = min(self._rest_sec * 2 or 0.25, _LONGEST_REST_SEC) if soon else 0.0
        time.sleep(self._rest_sec)
        self._lost_at = time.monotonic()
