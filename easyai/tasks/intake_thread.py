"""A thread of a worker that takes in frames as soon as somebody gives word of them.

The scan stays as the net: whatever such a thread misses, a scan finds. So an error costs time only:
the thread logs it, waits and begins anew.
"""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from typing import Final

from easyai.errors import EasyaiError
from easyai.tasks.outage import OutageLog

log = logging.getLogger(__name__)

RETRY_SEC: Final = 5.0
_STOP_SEC: Final = 5.0
#: A thread looks so often whether it is to end, so that it stops before `stop` returns.
STOPS_WITHIN_SEC: Final = 0.5


class IntakeThread(ABC):
    """Runs `_take_in` again and again until the worker stops."""

    def __init__(self, name: str, outage: OutageLog) -> None:
        """`outage` logs that nothing is taken in for now."""
        self._end = threading.Event()
        self._outage = outage
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start to take in frames."""
        self._thread.start()

    def stop(self) -> None:
        """Take in nothing more; returns within the time of a transaction."""
        self._end.set()
        self._thread.join(_STOP_SEC)

    def _run(self) -> None:
        while not self._end.is_set():
            try:
                if self._take_in():
                    continue
            except (EasyaiError, OSError) as error:
                self._outage.failed(error)
            except Exception:
                # An error of our own must not end the thread; the scan goes on meanwhile.
                log.exception("%s failed, it goes on", self._thread.name)
            self._end.wait(RETRY_SEC)

    @abstractmethod
    def _take_in(self) -> bool:
        """Take in frames until the settings change or this thread ends.

        False: there is nothing to do now. Raises EasyaiError and OSError during an outage."""
