"""Traces of work that goes on, without the processes."""

from __future__ import annotations

import threading
import time

from easyai.db import leases, processes
from tests.support.site import Installation


class Scans:
    """Beat and a worker that scans: their traces, many times a second, until the test ends."""

    def __init__(self, site: Installation) -> None:
        self._db = site.open().db
        self._cease = threading.Event()
        self._show()  # before anybody looks
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._cease.wait(0.1):
            self._show()

    def _show(self) -> None:
        now = time.time()
        with self._db.write() as conn:
            leases.acquire(conn, "scan", "me", 0.5, now)
            leases.end(conn, "scan", "me", now, quiet_sec=0.5, done=True)
            leases.acquire(conn, "beat", "me", 5.0, now)
            processes.beat(conn, "worker", "elsewhere", 1, now)

    def cease(self) -> None:
        """No scan succeeds any more."""
        self._cease.set()
        self._thread.join()
