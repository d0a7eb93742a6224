"""A worker reports that it works only while both of its loops turn.

The consumer's loop takes the tasks, the inference loop calls the algorithms. Either can hang while
the other, the process and its threads look well.
"""

from __future__ import annotations

import logging
import threading
from functools import partial
from typing import Any, Final

from celery import bootsteps, signals
from celery.concurrency.thread import TaskPool as ThreadPool

from easyai.broker.broker_check import BrokerCheck
from easyai.errors import BrokerUnavailableError
from easyai.process.presence import Presence
from easyai.process.supervisor_link import Loop, Notifier
from easyai.tasks.process import process_of

log = logging.getLogger(__name__)

_EVERY_SEC: Final = 1.0


class LifeSigns(bootsteps.StartStopStep):  # type: ignore[misc]
    """Checks every second whether both loops turn, and notifies supervisor and database.

    While the consumer connects to its broker, which may take days, the consumer counts as alive:
    the connection attempts have timeouts.
    """

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **kwargs: Any) -> None:
        super().__init__(consumer, **kwargs)
        self._app = consumer.app
        self._consumer, self._inference = Loop(), Loop()
        self._connecting = True
        self._timer: Any = None
        self._asked: Any = None  # the consumer, if our thread asks it for signs of life
        self._end = threading.Event()
        self._notifier = Notifier()
        self._begun = False
        if isinstance(consumer.pool, ThreadPool):  # a forking pool must not fork our threads
            self._begin()
        signals.worker_shutting_down.connect(self._stopping, weak=False)

    def _begin(self) -> None:
        if self._begun:
            return
        self._begun = True
        process = process_of(self._app)
        process.presence = Presence(
            "worker", lambda: process.runtime().db, self.works, self.end_heals
        )
        process.presence.start()
        threading.Thread(target=self._run, name="life-signs", daemon=True).start()

    def works(self) -> bool:
        """Whether both loops turned within the last seconds."""
        return (self._connecting or self._consumer.is_running()) and self._inference.is_running()

    def end_heals(self) -> bool:
        """Whether a restart would help; false while only the broker does not answer."""
        return not self._inference.is_running() or self._broker_answers()

    def start(self, consumer: Any) -> None:
        """Expect the consumer's loop to turn from now on: the broker is connected."""
        self._begin()
        self._consumer.record_iteration()
        self._connecting = False
        if consumer.hub is None:
            # The timer of the loop over the embedded broker would be another thread.
            self._asked = consumer
        else:
            self._timer = consumer.timer.call_repeatedly(
                _EVERY_SEC, partial(self._turned, consumer)
            )

    def _turned(self, consumer: Any) -> None:
        self._consumer.record_iteration()
        consumer.check_queues()  # an error here makes the consumer connect anew

    def stop(self, consumer: Any) -> None:
        """Expect nothing of the consumer's loop: the connection is lost, or the worker ends."""
        self._connecting, self._asked = True, None
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _run(self) -> None:
        while True:
            if (consumer := self._asked) is not None:
                consumer.call_soon(self._consumer.record_iteration)
            try:
                if not process_of(self._app).ask_inference(self._inference.record_iteration):
                    self._inference.record_iteration()  # not opened yet, or not in this process
            except RuntimeError as error:
                log.debug("inference loop is closed: %s", error)
            if self.works():
                self._notifier.alive()
            if self._end.wait(_EVERY_SEC):
                return

    def _stopping(self, **_: Any) -> None:
        self._end.set()
        self._notifier.stopping()

    def _broker_answers(self) -> bool:
        try:
            BrokerCheck(lambda: process_of(self._app).runtime().settings).check()
        except BrokerUnavailableError:
            return False
        return True
