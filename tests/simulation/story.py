"""The story of a run, for people: steps of the world and log lines of easyai, with times."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable

from tests.simulation.scheduler import Scheduler

_LONGEST = 400  # lines


class Story(logging.Handler):
    """Gathers lines; also the log's while it is `attached`."""

    def __init__(self, scheduler: Scheduler, failed: Callable[[str], None]) -> None:
        """`failed` is called with our errors, which the pipeline logs and survives."""
        super().__init__(logging.INFO)
        self._scheduler = scheduler
        self._failed = failed
        self.lines: deque[str] = deque(maxlen=_LONGEST)
        self._before = (logging.NOTSET, True)

    def note(self, text: str) -> None:
        """Add a line."""
        process = self._scheduler.current.process
        who = process.name if process is not None else "world"
        self.lines.append(f"{self._scheduler.now:9.3f} {who:10} {text}")

    def emit(self, record: logging.LogRecord) -> None:
        """A log line."""
        self.note(f"log: {record.getMessage()}"[:240])
        if record.exc_info and record.exc_info[1] is not None:
            self._failed(f"error: {record.getMessage()}: {record.exc_info[1]!r}"[:400])

    def attach(self) -> None:
        """Take the log of easyai, and remove other handlers."""
        log = logging.getLogger("easyai")
        self._before = (log.level, log.propagate)
        log.addHandler(self)
        log.setLevel(logging.INFO)
        log.propagate = False

    def detach(self) -> None:
        """Give the log back."""
        log = logging.getLogger("easyai")
        log.removeHandler(self)
        log.level, log.propagate = self._before
