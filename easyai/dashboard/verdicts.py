"""Diagnoses for the live state: without probes, at most every five seconds, on a thread apart.

A check of the store or of the broker may take seconds; the state is shown every second meanwhile.
"""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from easyai.broker.broker_check import BrokerCheck
from easyai.diagnosis.contents import Diagnosis, brief
from easyai.runtime import Runtime
from easyai.system.log_throttle import LogThrottle

log = logging.getLogger(__name__)

_EVERY_SEC: Final = 5.0
_REST: Final = 10  # the pause after a diagnosis, as a multiple of its duration
# On a slow database the ticks of somebody who looks are some seconds apart: a diagnosis that is
# overdue for longer is of a time when nobody looked.
_LONG_OVERDUE_SEC: Final = 60.0


class Verdicts:
    """The newest diagnosis; a part of the runtime."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="verdict")
        self._lock = threading.Lock()
        self._is_under_way = False
        self._next_at = 0.0  # monotonic
        self._failed = LogThrottle()
        self.newest: Diagnosis | None = None

    def refresh(self) -> Future[None] | None:
        """Begin another diagnosis, unless the newest is fresh or another is under way.

        A diagnosis that is long overdue, because nobody looked, is forgotten.
        """
        with self._lock:
            overdue_sec = time.monotonic() - self._next_at
            if self._is_under_way or overdue_sec < 0:
                return None
            if overdue_sec > _LONG_OVERDUE_SEC:
                self.newest = None
            self._is_under_way = True
        return self._thread.submit(self._make)

    def close(self) -> None:
        """Let the thread end after its present diagnosis."""
        self._thread.shutdown(wait=False)

    def _make(self) -> None:
        began = time.monotonic()
        runtime = self._runtime
        try:
            self.newest = brief(runtime, BrokerCheck(lambda: runtime.settings))
        except Exception as error:  # noqa: BLE001 - an unforeseen error must not end all verdicts
            self.newest = None  # not known
            self._failed.warning(log, "no verdict for the dashboard: %r", error)
        finally:
            took = time.monotonic() - began
            self._next_at = began + max(_EVERY_SEC, _REST * took)
            self._is_under_way = False
