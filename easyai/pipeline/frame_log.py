"""Counts of settled frames in this process, for the log and for the answer to a wake."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from easyai.db.ledger import LeasedFrame
from easyai.domain.reason import NO_REASON
from easyai.pipeline.picture_moves import CarriedOut, log_failed
from easyai.pipeline.settle import Settled
from easyai.system.log_throttle import LogThrottle

log = logging.getLogger(__name__)

#: A task type gets one line in this time at most, the first at once.
EVERY_SEC: Final = 10.0


@dataclass(slots=True)
class Counts:
    """Counts of frames of a task type."""

    frames: int = 0  # leased
    finished: int = 0
    alerts: int = 0
    returned: int = 0  # back to pending
    late: int = 0  # answers of leases that were no longer held
    failed: int = 0  # part of `finished`

    def add(self, other: Counts) -> None:
        """Add other counts."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


class Tally:
    """Counts by task type; `take` may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._untaken: dict[str, Counts] = {}
        self._unlogged: dict[str, Counts] = {}
        self._lines = LogThrottle(EVERY_SEC)  # by type
        self._log_at = math.inf  # when the next line is due; monotonic
        self._failed, self._reason = 0, NO_REASON  # moves that failed, and why the first failed
        self._failures = LogThrottle(EVERY_SEC)
        self._no_service = LogThrottle()  # by type

    def leased(self, frames: Iterable[LeasedFrame]) -> None:
        """Count frames that were leased."""
        for task_type, count in Counter(frame.task_type for frame in frames).items():
            self._add(task_type, Counts(frames=count))

    def settled(self, settled: Settled) -> None:
        """Count frames that were settled."""
        for task_type, own in settled.types.items():
            counts = Counts(0, own.finished, own.alerts, own.returned, own.late, own.failed)
            self._add(task_type, counts)

    def carried(self, carried: CarriedOut) -> None:
        """Count pictures that could not be moved or deleted."""
        self._failed += carried.failed
        self._reason = self._reason or carried.reason
        if self._failed:
            self._log_at = min(self._log_at, time.monotonic() + self._failures.wait_sec())

    def take(self, task_type: str) -> Counts:
        """The counts of a type since the last `take`."""
        with self._lock:
            return self._untaken.pop(task_type, Counts())

    def log(self, *, at_once: bool = False) -> None:
        """Log the lines that are due; with `at_once`, all waiting lines."""
        now = time.monotonic()
        if now < self._log_at and not at_once:
            return  # runs in each transaction, so it must be cheap for many types
        if self._failed and (self._failures.due() or at_once):
            log_failed(self._failed, self._reason)
            self._failed, self._reason = 0, NO_REASON
        for task_type in sorted(self._unlogged):
            if self._lines.due(task_type) or at_once:
                log.info("%s", _line(task_type, self._unlogged.pop(task_type)))
        waits = [self._lines.wait_sec(task_type) for task_type in self._unlogged]
        waits += [self._failures.wait_sec()] if self._failed else []
        self._log_at = now + min(waits, default=math.inf)

    def log_in_sec(self) -> float | None:
        """Seconds until the next line is due; None while no line waits."""
        return None if self._log_at == math.inf else max(0.0, self._log_at - time.monotonic())

    def no_service(self, task_types: Iterable[str]) -> None:
        """Log, once a minute for each type, that its frames wait for a service."""
        for task_type in task_types:
            if self._no_service.due(task_type):
                log.warning(
                    "no algorithm for task type: task_type=%s; its frames wait for a service",
                    task_type,
                )

    def _add(self, task_type: str, counts: Counts) -> None:
        if counts == Counts():
            return
        if task_type not in self._unlogged:
            self._log_at = min(self._log_at, time.monotonic() + self._lines.wait_sec(task_type))
        self._unlogged.setdefault(task_type, Counts()).add(counts)
        with self._lock:
            self._untaken.setdefault(task_type, Counts()).add(counts)


def _line(task_type: str, own: Counts) -> str:
    """The log line of a type, in the words that operators search for (contract, section 6)."""
    parts = []
    if own.frames:
        parts.append(f"scheduling inference: task_type={task_type} frames={own.frames}")
    if own.finished or own.returned or own.late:
        parts.append(
            f"inference completed: task_type={task_type} finished={own.finished} "
            f"alerts={own.alerts} returned={own.returned} late={own.late}"
        )
    return "; ".join(parts)
