"""Pictures in wrong places: too high in the tree, or in folders of dates.

They stay where they are. The log, and the timeline of a diagnosis, report them when their number
grows.
"""

from __future__ import annotations

import logging
import time
from typing import Final

from easyai.db import admitted_types, clock, events
from easyai.db.events import Event
from easyai.domain.frame import FrameKey, is_date
from easyai.domain.reason import Reason
from easyai.messages.catalogue import text
from easyai.runtime import Runtime
from easyai.system.log_throttle import LogThrottle

log = logging.getLogger(__name__)

# Longer than a store takes to list everything again (store/local_tree.py).
_FORGET_SEC: Final = 90.0
_MOST: Final = 10_000  # keys of each kind that are remembered
_REMIND_SEC: Final = 3600.0
_TREE = "<task_type>/<task_id>/"


class _Misplaced:
    """Keys seen lately in wrong places, with the time (monotonic)."""

    def __init__(self) -> None:
        self._seen: dict[str, float] = {}
        self._reported = 0
        self._throttle = LogThrottle(_REMIND_SEC)

    def note(self, key: str) -> None:
        """Record that the key is still there."""
        self._seen.pop(key, None)
        if len(self._seen) < _MOST:
            self._seen[key] = time.monotonic()

    def count(self) -> int:
        """The number of keys noted lately."""
        since = time.monotonic() - _FORGET_SEC
        while self._seen and (oldest := next(iter(self._seen))) and self._seen[oldest] < since:
            del self._seen[oldest]
        return len(self._seen)

    def must_be_reported(self) -> bool:
        """Whether there are more keys than last reported; true at most once an hour."""
        count = self.count()
        if count == 0:
            self._reported = 0
            self._throttle.over()
        if count <= self._reported or not self._throttle.due():
            return False
        self._reported = count
        return True

    def example(self) -> str:
        """The last recorded key."""
        return next(reversed(self._seen))


class Layout:
    """The misplaced pictures that a scanner has seen."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._strays, self._dated = _Misplaced(), _Misplaced()
        self._types: set[str] | None = None  # named by settings or services

    def begin(self) -> None:
        """Prepare for another scan."""
        self._types = None

    def stray(self, key: str) -> None:
        """Record a picture whose path names no task type and camera."""
        self._strays.note(key)

    def is_dated(self, key: FrameKey) -> bool:
        """Whether a picture lies in a date folder in place of a task type folder."""
        if not is_date(key.task_type) or key.task_type in self._named_types():
            return False
        self._dated.note(key.key)
        return True

    def report(self) -> tuple[int, int]:
        """Count strays and dated pictures, and log the counts when they are due.
        Raises DatabaseUnavailableError.
        """
        if self._strays.must_be_reported():
            log.warning("pictures outside %s, left alone: count=%d", _TREE, self._strays.count())
        if self._dated.must_be_reported():
            self._report_dates(self._dated.example(), self._dated.count())
        return self._strays.count(), self._dated.count()

    def _report_dates(self, example: str, count: int) -> None:
        base = self._runtime.store.rules.base_path
        folder = base + example[len(base) :].split("/")[0] + "/"
        reason = Reason.of("layout.by_date", folder=folder, pattern=f"{base}{_TREE}")
        with self._runtime.db.write() as conn:
            events.add(conn, [Event(clock.now(conn), "layout_by_date", folder, reason)])
        log.warning("%s: count=%d", text(reason), count)

    def _named_types(self) -> set[str]:
        if self._types is None:
            self._types = set(self._runtime.settings.task_types)
            with self._runtime.db.read() as conn:
                self._types.update(admitted_types.registered(conn))
        return self._types
