"""The worker's consumer: a connection that cannot even be closed must not end the worker."""

from __future__ import annotations

import logging
from typing import Any, Final

from celery.worker.consumer import Consumer as CeleryConsumer

log = logging.getLogger(__name__)

_LEAST_PREFETCHED: Final = 32


class Consumer(CeleryConsumer):  # type: ignore[misc]  # celery has no types
    """Celery's consumer, which reconnects whatever the lost connection raises while it is closed.

    Celery ignores connection errors there only. A Redis that dies while a message is acknowledged
    leaves kombu 5.7 with a channel without connection, whose closing raises AttributeError, and
    the worker would end with "Unrecoverable error".
    """

    def __init__(self, *args: Any, initial_prefetch_count: int = 0, **kwargs: Any) -> None:
        """Take some messages at once, whatever ``-c`` says.

        Ticks of duties that wait for their thread must not hold up wakes, nor other duties.
        """
        count = max(initial_prefetch_count, _LEAST_PREFETCHED)
        super().__init__(*args, initial_prefetch_count=count, **kwargs)

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
