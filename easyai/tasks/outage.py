"""Reports of something that is down: once at the start, seldom while it lasts, once at its end."""

from __future__ import annotations

import logging
import threading
import time


class OutageLog:
    """Keeps a retry loop from filling the log; safe between threads."""

    REPEAT_EVERY_SEC = 60.0

    def __init__(self, log: logging.Logger, what: str) -> None:
        """`what` opens every line: what does not work, and what happens meanwhile."""
        self._log = log
        self._what = what
        self._lock = threading.Lock()
        self._since: float | None = None
        self._next_report = 0.0

    @property
    def active(self) -> bool:
        """Whether the last attempt failed."""
        return self._since is not None

    def failed(self, error: BaseException) -> None:
        """Note a failed attempt."""
        now = time.monotonic()
        with self._lock:
            if self._since is None:
                self._since = now
                self._next_report = now
            if now < self._next_report:
                return
            self._next_report = now + self.REPEAT_EVERY_SEC
            lasted = now - self._since
        # A traceback of a broker that is down tells an operator nothing.
        self._log.error("%s (for %.0f s): %s: %s", self._what, lasted, type(error).__name__, error)

    def worked(self) -> None:
        """Note a successful attempt."""
        if self._since is None:
            return
        with self._lock:
            since, self._since = self._since, None
        if since is not None:
            self._log.info("over after %.0f s: %s", time.monotonic() - since, self._what)
