"""The watchdog's observations, in a separate thread, so that a hang there blocks nothing else."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from easyai.domain.reason import Reason
from easyai.health.checks.named_check import Check, CheckResult, CheckRunner
from easyai.health.facts import Facts
from easyai.health.gather import gather
from easyai.runtime import Runtime

log = logging.getLogger(__name__)

#: Thousands of busy types make an observation expensive. Observations are then rarer, within
#: these bounds.
_MOST_OF_A_CORE: Final = 0.05
_LONGEST_PAUSE_SEC: Final = 5.0  # a pause of 8 s would count as a silent database


@dataclass(frozen=True, slots=True)
class Observation:
    """The facts at a moment."""

    facts: Facts
    at: float  # when the observation began, on the monotonic clock


class Observer:
    """Observes every few seconds; `newest` never waits."""

    def __init__(
        self, runtime: Runtime, checks: Callable[[], Sequence[Check]], every_sec: float
    ) -> None:
        """`checks` returns the current checks, because the settings may change."""
        self._runtime = runtime
        self._checks = checks
        self._runner = CheckRunner()
        self._every_sec = every_sec
        self._newest: Observation | None = None
        self._began_at = time.monotonic()
        self._broken_since: float | None = None
        self._results: list[CheckResult] = []
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="observer", daemon=True)

    def start(self) -> None:
        """Begin to observe."""
        self._thread.start()

    def close(self, timeout_sec: float = 1.0) -> None:
        """End the thread; an observation under way is waited for up to `timeout_sec`."""
        self._end.set()
        self._thread.join(timeout_sec)

    @property
    def newest(self) -> Observation | None:
        """The last finished observation; None before the first."""
        return self._newest

    def silent_sec(self) -> float:
        """Seconds without a finished observation: the running observation waits, or all fail."""
        since = self._began_at if self._broken_since is None else self._broken_since
        return time.monotonic() - since

    def without_database(self, now: float, silent_sec: float) -> Observation:
        """What is known while the running observation gets no answer from the database."""
        results = {result.name: result for result in self._results}
        code = "database.silent" if self._broken_since is None else "database.unreadable"
        reason = Reason.of(code, silent_sec=round(silent_sec))
        failed = results.get("database", CheckResult("database"))
        results["database"] = failed if failed.reason else CheckResult("database", reason)
        return Observation(Facts(now, self._runtime.settings, results), time.monotonic())

    def _run(self) -> None:
        while not self._end.is_set():
            self._began_at, worked_sec = time.monotonic(), time.thread_time()
            try:
                self._newest = self._observe()
                self._broken_since = None
            except Exception:
                # An error here must not silently blind the watchdog.
                if self._broken_since is None:
                    self._broken_since = self._began_at
                log.exception("watchdog: an observation failed, the next observation follows")
            pause_sec = self._every_sec - (time.monotonic() - self._began_at)
            costly_sec = min(
                _LONGEST_PAUSE_SEC, (time.thread_time() - worked_sec) / _MOST_OF_A_CORE
            )
            self._end.wait(max(0.1, pause_sec, costly_sec))

    def _observe(self) -> Observation:
        began = time.monotonic()
        self._results = self._runner.run(self._checks())
        # The checks have their own time limits; the rest of an observation has none.
        self._began_at = time.monotonic()
        return Observation(gather(self._runtime, self._results, exact=False), began)
