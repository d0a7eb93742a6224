"""Adds and cancels queues of a worker in slices, so that other work of the loop is not held up."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, Final

log = logging.getLogger(__name__)

_MOST_NAMES: Final = 5  # in a log message
#: A slice ends after this much CPU time. CPU time counts because on a busy machine each slice also
#: pays for a check of all queues.
_WORK_SEC: Final = 0.03
_LONGEST_SEC: Final = 0.25  # a slice also ends after this time, when the broker is slow
#: After a slice, the loop has this much time for everything else.
REST_SEC: Final = 0.05


class _Slice:
    """The time limits of the present slice."""

    def __init__(self) -> None:
        self._began, self._worked = time.monotonic(), time.thread_time()

    def is_over(self) -> bool:
        """Whether the slice must end."""
        worked = time.thread_time() - self._worked >= _WORK_SEC
        return worked or time.monotonic() - self._began >= _LONGEST_SEC


class Change:
    """Queues that a worker has yet to add and to cancel; passed from thread to thread."""

    def __init__(self, add: Iterable[str], cancel: Iterable[str]) -> None:
        """Queues are added in the order of `add`."""
        self.add, self.cancel = deque(add), deque(cancel)
        #: Set while the consumer's thread has no slice of this change to do.
        self.paused = threading.Event()

    def __bool__(self) -> bool:
        return bool(self.add or self.cancel)

    def begin(self) -> None:
        """Mark that a slice is about to be passed to the consumer's thread."""
        self.paused.clear()


def carry_out(consumer: Any, change: Change, stop: threading.Event) -> None:
    """Add and cancel queues for a slice, and at least one queue; in the consumer's thread.

    On an event loop of kombu, the next slice follows by a timer after a rest, because nothing else
    wakes the loop sooner. A queue that fails is tried again with the next look at the types.
    Raises the errors of the broker's client: the consumer connects anew then.
    """
    under_way = _Slice()
    try:
        if not stop.is_set() and consumer.task_consumer is not None:
            _add(consumer, change.add, under_way)
            _cancel(consumer, change.cancel, under_way)
    except BaseException:
        change.add.clear()
        change.cancel.clear()
        change.paused.set()
        raise
    if change and consumer.hub is not None and not stop.is_set():
        consumer.hub.call_later(REST_SEC, _carry_on, consumer, change, stop)
    else:
        change.paused.set()


def _carry_on(consumer: Any, change: Change, stop: threading.Event) -> None:
    """The next slice, by a timer; its error is raised by the loop.

    kombu logs some errors of a timer's call and goes on.
    """
    try:
        carry_out(consumer, change, stop)
    except Exception as error:  # noqa: BLE001 - raised by the loop
        consumer.call_soon(_raise, error)


def _raise(error: Exception) -> None:
    raise error


def wake(consumer: Any, for_good: bool = False) -> None:
    """Wake the consumer's loop so that it runs new calls; safe in a signal handler."""
    # Only the embedded broker's connection needs this: with other brokers the loop wakes by itself.
    interrupt = getattr(getattr(consumer.connection, "transport", None), "interrupt", None)
    if interrupt is not None:
        interrupt(for_good)


def _add(consumer: Any, names: deque[str], under_way: _Slice) -> None:
    queues = consumer.app.amqp.queues
    added: list[str] = []
    while names and not (added and under_way.is_over()):
        name = names.popleft()
        if not consumer.task_consumer.consuming_from(name):
            # Not Consumer.add_task_queue: it goes through all queues for each added queue.
            consumer.task_consumer.add_queue(queues.declaration(name))
        added.append(name)
    if added:
        consumer.task_consumer.consume()
        for name in added:
            queues.add_type(name)


def _cancel(consumer: Any, names: deque[str], under_way: _Slice) -> None:
    while names:
        name = names.popleft()
        consumer.task_consumer.cancel_by_queue(name)
        consumer.app.amqp.queues.drop_type(name)
        _delete(consumer, name)
        if under_way.is_over():
            return


def _delete(consumer: Any, name: str) -> None:
    """Delete a queue, unless another worker still reads it."""
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
    """The number of queues, and the names of the first queues."""
    shown = ", ".join(names[:_MOST_NAMES]) + (", …" if len(names) > _MOST_NAMES else "")
    return f"count={len(names)}: {shown}"
