"""Logs an outage: once at its start, seldom while it lasts, and once at its end."""

from __future__ import annotations

import logging
import threading
import time

from easyai.system.log_throttle import LogThrottle


class OutageLog:
    """Keeps a retry loop from filling the log; safe between threads."""

    def __init__(self, log: logging.Logger, effect: str) -> None:
        """`effect` begins every line: the part that is down, and the effect meanwhile."""
        self._log = log
        self._effect = effect
        self._lock = threading.Lock()
        self._since: float | None = None  # monotonic
        self._throttle = LogThrottle()

    def failed(self, error: BaseException) -> None:
        """Record a failed attempt."""
        now = time.monotonic()
        with self._lock:
            if self._since is None:
                self._since = now
            lasted = now - self._since
            due = self._throttle.due()
        if due:
            # A traceback of a broker that is down does not help an operator.
            text = "%s (for %.0f s): %s: %s"
            self._log.error(text, self._effect, lasted, type(error).__name__, error)

    def worked(self) -> None:
        """Record a successful attempt."""
        if self._since is None:
            return
        with self._lock:
            since, self._since = self._since, None
            self._throttle.over()
        if since is not None:
            self._log.info("over after %.0f s: %s", time.monotonic() - since, self._effect)
