"""What became of frames in this process: numbers for the log, and for the answer to a wake."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Final

from easyai.db.ledger import LeasedFrame
from easyai.pipeline.pictures import CarriedOut, tell_failed
from easyai.pipeline.settle import Settled

log = logging.getLogger(__name__)

_EVERY_SEC: Final = 1.0  # of each line for each type
_NO_SERVICE_EVERY_SEC: Final = 60.0


@dataclass(slots=True)
class Counts:
    """What became of frames of one task type."""

    frames: int = 0  # leased
    finished: int = 0
    alerts: int = 0
    returned: int = 0  # back to pending
    late: int = 0  # answers of leases that were no longer held

    def add(self, other: Counts) -> None:
        """Take in others."""
        for name, count in asdict(other).items():
            setattr(self, name, getattr(self, name) + count)


class Tally:
    """Counts by task type; `take` may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._untaken: dict[str, Counts] = {}
        self._unlogged: dict[str, Counts] = {}
        self._logged_at = 0.0  # monotonic
        self._failed, self._reason = 0, ""  # errands of pictures, and why the first of them did
        self._no_service_at: dict[str, float] = {}

    def leased(self, frames: Iterable[LeasedFrame]) -> None:
        """Count frames that were leased."""
        for task_type, count in Counter(frame.task_type for frame in frames).items():
            self._add(task_type, Counts(frames=count))

    def settled(self, settled: Settled) -> None:
        """Count frames that were settled."""
        for task_type, own in settled.types.items():
            self._add(task_type, Counts(0, own.finished, own.alerts, own.returned, own.late))

    def carried(self, carried: CarriedOut) -> None:
        """Remember the pictures that could not be moved or deleted."""
        self._failed += carried.failed
        self._reason = self._reason or carried.reason

    def take(self, task_type: str) -> Counts:
        """What became of the frames of a type since the last time."""
        with self._lock:
            return self._untaken.pop(task_type, Counts())

    def log(self, *, at_once: bool = False) -> None:
        """Write the log lines, once a second at most."""
        now = time.monotonic()
        anything = self._unlogged or self._failed
        if not anything or (not at_once and now - self._logged_at < _EVERY_SEC):
            return
        self._logged_at, unlogged = now, self._unlogged
        self._unlogged = {}
        tell_failed(self._failed, self._reason)
        self._failed, self._reason = 0, ""
        for task_type, own in sorted(unlogged.items()):
            if own.frames:
                log.info("scheduling inference: task_type=%s frames=%d", task_type, own.frames)
            if own.finished or own.returned or own.late:
                log.info(
                    "inference completed: task_type=%s finished=%d alerts=%d returned=%d late=%d",
                    task_type,
                    own.finished,
                    own.alerts,
                    own.returned,
                    own.late,
                )

    def no_service(self, task_types: Iterable[str]) -> None:
        """Log, once a minute for each type, that its frames wait for a service."""
        now = time.monotonic()
        for task_type in task_types:
            if now - self._no_service_at.get(task_type, -_NO_SERVICE_EVERY_SEC) < (
                _NO_SERVICE_EVERY_SEC
            ):
                continue
            self._no_service_at[task_type] = now
            log.warning(
                "no algorithm for task type: task_type=%s; its frames wait until one is there",
                task_type,
            )
        over = now - _NO_SERVICE_EVERY_SEC
        self._no_service_at = {k: at for k, at in self._no_service_at.items() if at > over}

    def _add(self, task_type: str, counts: Counts) -> None:
        self._unlogged.setdefault(task_type, Counts()).add(counts)
        with self._lock:
            self._untaken.setdefault(task_type, Counts()).add(counts)
