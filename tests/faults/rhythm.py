"""How far apart scans are, as the database shows them."""

from __future__ import annotations

import threading
import time
from types import TracebackType

from tests.faults.ledger_view import LedgerView

SCAN_SEC = 1.0  # scan_interval_sec as it is by default
LONGEST_SEC = 3 * SCAN_SEC + 5  # the promise, and time for the trials that run beside this one


class Rhythm:
    """Watches scans from entering to leaving; `gaps` are the seconds from each to the next."""

    def __init__(self, ledger: LedgerView) -> None:
        self.gaps: list[float] = []
        self.seconds = 0.0
        self._ledger = ledger
        self._over = threading.Event()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="rhythm", daemon=True)

    def check(self) -> None:
        """Assert that no gap was too long, and that no second beat rang as well."""
        assert max(self.gaps) <= LONGEST_SEC, f"scans were {max(self.gaps):.1f} s apart"
        most = self.seconds / SCAN_SEC + 4
        assert len(self.gaps) <= most, f"{len(self.gaps)} scans in {self.seconds:.0f} s"

    def _run(self) -> None:
        try:
            self._watch()
        except Exception as error:  # noqa: BLE001 - raised on leaving
            self._error = error

    def _watch(self) -> None:
        began = seen_at = time.monotonic()
        last = 0.0
        while not self._over.wait(0.05):
            done_at = self._ledger.scanned_at()
            if done_at != last:
                self.gaps.append(time.monotonic() - seen_at)
                last, seen_at = done_at, time.monotonic()
        self.gaps.append(time.monotonic() - seen_at)
        self.seconds = time.monotonic() - began

    def __enter__(self) -> Rhythm:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()
        if error is None:
            if self._error is not None:
                raise self._error
            self.check()
