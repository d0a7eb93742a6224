"""The worker of ``easyai up`` sends no frame before the API answers.

Services fetch the pictures of a local store from the API. The API starts beside the worker and may
be slower: a service that could not reach the API would be blamed for our own start.
"""

from __future__ import annotations

import socket
import threading
import time
from typing import Final

from easyai.process.supervisor_link import awaited_api

#: An API that cannot start must not stop inference: links into an object store need no API.
LONGEST_SEC: Final = 10.0
_EVERY_SEC: Final = 0.02


class ApiWait:
    """A wait for the API; `over` before `start`, and again once the API takes connections."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self._over.set()

    def start(self) -> None:
        """Look for the API in a thread, for at most `LONGEST_SEC`."""
        place = awaited_api()
        if place is not None:
            self._over.clear()
            threading.Thread(target=self._look, args=place, name="api-wait", daemon=True).start()

    @property
    def over(self) -> bool:
        """Whether frames may be sent."""
        return self._over.is_set()

    def wait(self) -> None:
        """Return when the wait is over."""
        self._over.wait()

    def _look(self, host: str, port: int) -> None:
        end = time.monotonic() + LONGEST_SEC
        while time.monotonic() < end and not _listens(host, port):
            time.sleep(_EVERY_SEC)
        self._over.set()


def _listens(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=1.0):
            return True
    except OSError:
        return False
