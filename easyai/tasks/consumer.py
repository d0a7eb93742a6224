"""The worker's consumer: a connection that cannot even be closed must not end the worker."""

from __future__ import annotations

import logging
import time
from typing import Any, ClassVar, Final

from celery.worker.consumer import Consumer as CeleryConsumer

from easyai.names import nfc

log = logging.getLogger(__name__)

_LEAST_PREFETCHED: Final = 32
_SHORT_SEC: Final = 5.0  # a connection that was lost sooner than this is not made anew at once
_LONGEST_REST_SEC: Final = 2.0


class Consumer(CeleryConsumer):  # type: ignore[misc]  # celery has no types
    """Celery's consumer, which reconnects whatever the lost connection raises while it is closed.

    Celery ignores connection errors there only. A Redis that dies while a message is acknowledged
    leaves kombu 5.7 with a channel without connection, whose closing raises AttributeError, and
    the worker would end with "Unrecoverable error".
    """

    class Blueprint(CeleryConsumer.Blueprint):  # type: ignore[misc]
        """Celery's steps without that of messages for later, of which there are none here.

        With quorum queues it would make 28 exchanges and queues, and wait for the first host of the
        address, which may be the one that is down, before the worker consumes again.
        """

        default_steps: ClassVar = [
            step
            for step in CeleryConsumer.Blueprint.default_steps
            if "delayed_delivery" not in step
        ]

    _lost_at = float("-inf")  # monotonic
    _rest_sec = 0.0

    def __init__(self, *args: Any, initial_prefetch_count: int = 0, **kwargs: Any) -> None:
        """Take some messages at once, whatever ``-c`` says.

        Ticks of duties that wait for their thread must not hold up wakes, nor other duties.
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
        """Consume from one more queue (``control add_consumer``).

        Celery would bind a new queue to an exchange of its name, and a queue that was cancelled
        before would be read again without its frames being served.
        """
        if exchange is None:
            queue = nfc(queue)
            queues = self.app.amqp.queues
            queues.select_add(queues[queue])
        super().add_task_queue(queue, exchange, exchange_type, routing_key, **options)

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
        """Wait a little where connections are lost one after the other, as those of a user without
        rights are: each costs a dozen queries and two lines in the log.
        """
        soon = time.monotonic() - self._lost_at < _SHORT_SEC
        self._rest_sec = min(self._rest_sec * 2 or 0.25, _LONGEST_REST_SEC) if soon else 0.0
        time.sleep(self._rest_sec)
        self._lost_at = time.monotonic()
