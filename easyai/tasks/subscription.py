"""Lets a worker serve task types that were unknown when it started."""

from __future__ import annotations

import logging
import threading
from typing import Any, Final

from celery import bootsteps, signals

from easyai.tasks.outage import OutageLog
from easyai.tasks.process import process_of
from easyai.tasks.queue_slices import REST_SEC, Change, carry_out, summary, wake
from easyai.tasks.queues import queue_name

log = logging.getLogger(__name__)

_CHECK_EVERY_SEC: Final = 1.0


class QueueSubscription(bootsteps.StartStopStep):  # type: ignore[misc]
    """Keeps the worker's queues equal to the task types in the database.

    A worker pinned with ``-Q`` keeps its queues. A thread of this step reads the database, so that
    a database that does not answer never holds up the consumer. The consumer's own thread changes
    the queues in slices, so that thousands of types do not hold it up either. The step starts anew
    with every broker connection, from the control queue alone.
    """

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **kwargs: Any) -> None:
        super().__init__(consumer, **kwargs)
        self._app = consumer.app
        self._stop = threading.Event()
        self._names: dict[str, str] = {}  # queues by type, from the last reading
        self._outage = OutageLog(log, "task types not read, queues stay as they are")
        # Without this the loop over the embedded broker notices a SIGTERM after up to 4 s.
        signals.worker_shutting_down.connect(lambda **_: wake(consumer, True), weak=False)

    def start(self, consumer: Any) -> None:
        """Begin to watch the database."""
        queues = consumer.app.amqp.queues
        if queues.pinned:
            log.info("serving the queues of -Q only: %s", ", ".join(sorted(queues.consume_from)))
            return
        self._stop = threading.Event()
        threading.Thread(
            target=self._watch, args=(consumer, self._stop), name="queue-subscription", daemon=True
        ).start()

    def stop(self, consumer: Any) -> None:
        """Stop watching. The next connection begins with the queues of the worker's start."""
        self._stop.set()
        consumer.app.amqp.queues.drop_types()

    def _watch(self, consumer: Any, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                self._follow(consumer, stop)
            except Exception as error:  # noqa: BLE001 - no error here may end the watch
                self._outage.failed(error)
            else:
                self._outage.worked()
            stop.wait(_CHECK_EVERY_SEC)

    def _follow(self, consumer: Any, stop: threading.Event) -> None:
        """Add and cancel queues to match the known types; types with waiting frames first."""
        error: Exception | None = None
        try:
            self._read()
        except Exception as failure:  # noqa: BLE001 - reported below
            error = failure  # a new connection serves the types known before
        queues = consumer.app.amqp.queues
        known = set(self._names.values())
        subscribed: set[str] = queues.of_types
        new = known - queues.excluded - subscribed
        add, cancel = self._in_order(new), sorted(subscribed - known)
        change = Change(add, cancel)
        while change and not stop.is_set():
            change.begin()
            consumer.call_soon(carry_out, consumer, change, stop)
            wake(consumer)
            while not change.paused.wait(0.5) and not stop.is_set():
                pass
            stop.wait(REST_SEC)
        if error is not None:
            raise error
        if add:
            log.info("consuming from the queues of new task types: %s", summary(add))
        if cancel:
            log.info("consuming no more from the queues of forgotten types: %s", summary(cancel))

    def _read(self) -> None:
        known = process_of(self._app).task_types()
        if known != list(self._names):
            self._names = {name: self._names.get(name) or queue_name(name) for name in known}

    def _in_order(self, new: set[str]) -> list[str]:
        if len(new) < 2:
            return list(new)
        first = {self._names.get(name, "") for name in process_of(self._app).waiting_types()}
        return sorted(new, key=lambda name: (name not in first, name))
