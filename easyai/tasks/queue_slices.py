"""Adding and cancelling queues of a worker, as many at a time as hold up nobody."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, Final

log = logging.getLogger(__name__)

_MOST_NAMES: Final = 5  # in one message


class Change:
    """Queues that a worker has yet to add and to cancel; handed from thread to thread."""

    def __init__(self, add: Iterable[str], cancel: Iterable[str]) -> None:
        """Queues are added in the order given."""
        self.add, self.cancel = deque(add), deque(cancel)
        #: Set while the consumer's thread has no slice of it to do.
        self.paused = threading.Event()

    def __bool__(self) -> bool:
        return bool(self.add or self.cancel)

    def begin(self) -> None:
        """A slice is about to be handed to the consumer's thread."""
        self.paused.clear()


def carry_out(consumer: Any, change: Change, stop: threading.Event, limit_sec: float) -> None:
    """Add and cancel queues for so long, and at least one; in the consumer's thread.

    What fails is tried again with the next look at the types. Raises what the broker's client
    raises: the connection is lost then.
    """
    limit = time.monotonic() + limit_sec
    try:
        if not stop.is_set() and consumer.task_consumer is not None:
            _add(consumer, change.add, limit)
            _cancel(consumer, change.cancel, limit)
    except BaseException:
        change.add.clear()
        change.cancel.clear()
        raise
    finally:
        change.paused.set()


def wake(consumer: Any, for_good: bool = False) -> None:
    """Have the consumer's loop look at what is handed to it; safe in a signal handler."""
    # Only the embedded broker's connection needs it: the others' loop wakes by itself.
    interrupt = getattr(getattr(consumer.connection, "transport", None), "interrupt", None)
    if interrupt is not None:
        interrupt(for_good)


def _add(consumer: Any, names: deque[str], limit: float) -> None:
    queues = consumer.app.amqp.queues
    added: list[str] = []
    while names and (not added or time.monotonic() < limit):
        name = names.popleft()
        if not consumer.task_consumer.consuming_from(name):
            # Not Consumer.add_task_queue: it goes through all queues for each one added.
            consumer.task_consumer.add_queue(queues.declaration(name))
        added.append(name)
    if added:
        consumer.task_consumer.consume()
        for name in added:
            queues.add_type(name)


def _cancel(consumer: Any, names: deque[str], limit: float) -> None:
    while names:
        name = names.popleft()
        consumer.task_consumer.cancel_by_queue(name)
        consumer.app.amqp.queues.drop_type(name)
        _delete(consumer, name)
        if time.monotonic() >= limit:
            return


def _delete(consumer: Any, name: str) -> None:
    """Delete a queue, unless another worker reads it still."""
    if consumer.connection.transport.driver_type != "amqp":
        consumer.task_consumer.channel.queue_delete(name)
        return
    channel = consumer.connection.channel()
    try:
        channel.queue_delete(name, if_unused=True)
    except consumer.connection.channel_errors as error:  # the server has closed the channel
        log.debug("queue %s not deleted: %s", name, error)
    else:
        channel.close()


def summary(names: Sequence[str]) -> str:
    """How many queues, and the first of them."""
    shown = ", ".join(names[:_MOST_NAMES]) + (", …" if len(names) > _MOST_NAMES else "")
    return f"count={len(names)}: {shown}"
