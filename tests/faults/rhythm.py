"""How far apart scans and sweeps are, as the database shows them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType

from easyai.tasks.config import SWEEP_INTERVAL_SEC
from tests.faults.ledger_view import LedgerView

SCAN_SEC = 1.0  # scan_interval_sec as it is by default
_TRIALS_SEC = 5.0  # time for the trials that run beside this trial
#: The most messages that may wait in the queue of periodic tasks: those of the longest gap of scans
#: (ten with sweeps and upkeep), and some. Delayed tasks add a message a second and more.
DEEPEST = 15


@dataclass
class _PeriodicTask:
    """A periodic task; `gaps` are the seconds from each of its runs to the next."""

    name: str
    every_sec: float
    seen_at: float = 0.0  # monotonic
    done_at: float = 0.0  # by the database's clock
    gaps: list[float] = field(default_factory=list)

    def look(self, done_at: float) -> None:
        """Note a run that is new."""
        if done_at != self.done_at:
            self.done_at = done_at
            self.close()

    def close(self) -> None:
        """End the gap that is open."""
        now = time.monotonic()
        self.gaps.append(now - self.seen_at)
        self.seen_at = now

    def check(self, seconds: float) -> None:
        """Assert that no gap was too long, and that no second beat rang as well."""
        longest = 3 * self.every_sec + _TRIALS_SEC  # the promise, and the trials beside
        assert max(self.gaps) <= longest, f"{self.name}s were {max(self.gaps):.1f} s apart"
        most = seconds / self.every_sec + 4
        assert len(self.gaps) <= most, f"{len(self.gaps)} {self.name}s in {seconds:.0f} s"


class Rhythm:
    """Watches scans and sweeps from entering to leaving, and checks then.

    `depth` returns the number of messages in the queue of periodic tasks; None: not checked.
    """

    def __init__(self, ledger: LedgerView, depth: Callable[[], int] | None = None) -> None:
        self.tasks = (_PeriodicTask("scan", SCAN_SEC), _PeriodicTask("sweep", SWEEP_INTERVAL_SEC))
        self.deepest = 0
        self.seconds = 0.0
        self._ledger = ledger
        self._depth = depth
        self._over = threading.Event()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="rhythm", daemon=True)

    def check(self) -> None:
        """Assert that the periodic tasks ran often enough and their queue stayed short."""
        for task in self.tasks:
            task.check(self.seconds)
        assert self.deepest <= DEEPEST, f"{self.deepest} messages of periodic tasks waited"

    def _run(self) -> None:
        try:
            self._watch()
        except Exception as error:  # noqa: BLE001 - raised on leaving
            self._error = error

    def _watch(self) -> None:
        began = time.monotonic()
        for task in self.tasks:
            task.seen_at = began
        while not self._over.wait(0.1):
            done_at = self._ledger.done_at()
            for task in self.tasks:
                task.look(done_at.get(task.name, 0.0))
            if self._depth is not None:
                self.deepest = max(self.deepest, self._depth())
        for task in self.tasks:
            task.close()
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
