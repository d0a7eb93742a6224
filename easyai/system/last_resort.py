"""Ends a process that was asked to stop when its threads do not end.

A thread that waits for a store or a server that never answers cannot be ended, and Python waits at
exit for the threads of every pool. A stop must not wait for these threads: the work that they hold
is given back.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable

log = logging.getLogger(__name__)


class LastResort:
    """Waits for `stop_begins` in a thread of its own."""

    def __init__(
        self,
        limit_sec: float,
        finish: Callable[[], None],
        finish_after_sec: float,
    ) -> None:
        """End the process `limit_sec` after `stop_begins`.

        `finish` is called after `finish_after_sec` and closes the important parts: the process may
        hang before it closes them itself.
        """
        self._limit_sec, self._finish_after_sec = limit_sec, finish_after_sec
        self._finish = finish
        self._asked = threading.Event()
        threading.Thread(target=self._run, name="last-resort", daemon=True).start()

    def stop_begins(self) -> None:
        """Start the limit: the process was asked to stop. Never waits; safe in a signal handler."""
        self._asked.set()

    def _run(self) -> None:
        self._asked.wait()
        ends_at = time.monotonic() + self._limit_sec
        time.sleep(self._finish_after_sec)
        # In a thread of its own: `finish` may hang, too.
        threading.Thread(target=self._finish, name="finish", daemon=True).start()
        time.sleep(max(0.0, ends_at - time.monotonic()))
        log.warning(
            "ended while threads still wait for a store or a server that does not answer: %s",
            ", ".join(sorted(_waiting())),
        )
        logging.shutdown()
        os._exit(0)


def _waiting() -> list[str]:
    main = threading.main_thread()
    return [thread.name for thread in threading.enumerate() if thread is not main]
