"""The part of a worker that makes it serve task types nobody knew when it started."""

from __future__ import annotations

import logging
import threading
from typing import Any

from celery import bootsteps, signals

from easyai.tasks.outage import OutageLog
from easyai.tasks.process import process
from easyai.tasks.queues import queue_name

log = logging.getLogger(__name__)

_CHECK_EVERY_SEC = 1.0


class QueueSubscription(bootsteps.StartStopStep):  # type: ignore[misc]
    """Keeps the worker's queues equal to the task types in the database.

    A worker pinned with ``-Q`` keeps its own. The database is read in a thread of this step, so
    that one that does not answer never holds up the consumer; the consumer's own thread changes
    the queues. Starts anew with every broker connection.
    """

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **kwargs: Any) -> None:
        super().__init__(consumer, **kwargs)
        self._stop = threading.Event()
        self._subscribed: set[str] = set()
        self._outage = OutageLog(log, "task types not read, queues stay as they are")
        # Without this the loop over the embedded broker notices a SIGTERM after up to 4 s.
        signals.worker_shutting_down.connect(lambda **_: _wake(consumer, True), weak=False)

    def start(self, consumer: Any) -> None:
        """Begin to watch the database."""
        if consumer.app.amqp.queues.pinned:
            log.info("serving the queues of -Q only: %s", ", ".join(self._consumed(consumer)))
            return
        self._stop = threading.Event()
        self._subscribed = set(self._consumed(consumer))
        threading.Thread(
            target=self._watch, args=(consumer, self._stop), name="queue-subscription", daemon=True
        ).start()

    def stop(self, consumer: Any) -> None:
        """Cease watching; the queues stay for the next connection."""
        self._stop.set()

    def _watch(self, consumer: Any, stop: threading.Event) -> None:
        while not stop.is_set():
            wanted = self._read()
            if wanted is not None and wanted - consumer.app.amqp.queues.excluded - self._subscribed:
                consumer.call_soon(self._subscribe, consumer, wanted)
                _wake(consumer)
            stop.wait(_CHECK_EVERY_SEC)

    def _read(self) -> set[str] | None:
        try:
            names = {queue_name(name) for name in process.task_types()}
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not end the watch
            self._outage.failed(error)
            return None
        self._outage.worked()
        return names

    def _subscribe(self, consumer: Any, wanted: set[str]) -> None:
        queues = consumer.app.amqp.queues
        if consumer.task_consumer is None:
            return
        for name in sorted(wanted - queues.excluded - self._subscribed):
            _ = queues[name]  # declares it as ours, else Celery makes an exchange for it
            consumer.add_task_queue(name)
            self._subscribed.add(name)

    def _consumed(self, consumer: Any) -> list[str]:
        return sorted(consumer.app.amqp.queues.consume_from)


def _wake(consumer: Any, for_good: bool = False) -> None:
    # Only the embedded broker's connection needs it: the others' loop wakes by itself.
    interrupt = getattr(getattr(consumer.connection, "transport", None), "interrupt", None)
    if interrupt is not None:
        interrupt(for_good)
