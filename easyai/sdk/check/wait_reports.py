"""Reports on stderr which point waits for an answer of the service, and for how long."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from easyai.sdk.check.points import ContractPoint

REPORT_EVERY_SEC = 5.0


class Progress:
    """Writes a line every few seconds while an answer is late; quiet otherwise."""

    def __init__(self, limit_sec: float) -> None:
        """`limit_sec` is the timeout of an answer."""
        self._limit_sec = limit_sec

    @contextmanager
    def watch(self, point: ContractPoint) -> Iterator[None]:
        """Report a point as waiting while the block runs."""
        done = threading.Event()
        thread = threading.Thread(target=self._report, args=(point, done), daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _report(self, point: ContractPoint, done: threading.Event) -> None:
        began = time.monotonic()
        while not done.wait(REPORT_EVERY_SEC):
            waited_sec = time.monotonic() - began
            sys.stderr.write(
                f"{point.name}: no answer for {waited_sec:.0f} s, waiting up to "
                f"{self._limit_sec:g} s for each (--timeout)\n"
            )
            sys.stderr.flush()
