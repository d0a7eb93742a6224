"""A small object for each thing that must work, and the runner that limits the time of each check.

A check raises an EasyaiError whose reason states what is wrong and what to do. The reason may name
hosts and files: it is for operators, the log and the diagnosis, not for clients of the API.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final, Protocol

from easyai.domain.reason import NO_REASON, Reason, quote, quoted
from easyai.errors import (
    BrokerUnavailableError,
    BusUnavailableError,
    DatabaseUnavailableError,
    EasyaiError,
    SchemaMissingError,
)
from easyai.runtime import Runtime

# Checks take a few milliseconds together. After this time the rest gets another thread.
_PATIENCE_SEC: Final = 0.05


class Check(Protocol):
    """Something that must work."""

    @property
    def name(self) -> str:
        """A word, the same in every report."""

    @property
    def limit_sec(self) -> float:
        """A check that takes longer counts as failed."""

    def check(self) -> None:
        """Raise EasyaiError with reason and remedy when it does not work."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of a check; no reason when all is well."""

    name: str
    reason: Reason = NO_REASON
    elapsed_ms: float = 0.0
    public: Reason = NO_REASON  # the reason for API clients; no reason: the same as `reason`

    @property
    def ok(self) -> bool:
        """Whether the thing works."""
        return not self.reason

    @property
    def for_clients(self) -> CheckResult:
        """The result without drivers' messages, which may name hosts and users."""
        return replace(self, reason=self.public) if self.public else self


class NotWellError(EasyaiError):
    """Something that is checked does not work."""


class CheckRunner:
    """Runs checks, each within its time; every process has a runner (``runtime.part``).

    A thread runs the checks in turn. The checks behind a check that takes long get another thread.
    A check that hangs keeps its thread. It is not started again until that thread has ended, so
    a store that hangs for a week costs a single thread.
    """

    def __init__(self, _runtime: Runtime | None = None) -> None:
        self._lock = threading.Lock()
        self._hanging: dict[str, _Run] = {}

    def run(self, checks: Iterable[Check], limit_sec: float | None = None) -> list[CheckResult]:
        """The result of each check, in the order of the checks; never raises for a failed check.

        `limit_sec` shortens the time of every check. No check waits long for another check, so the
        run takes little longer than the longest limit.
        """
        started = time.monotonic()
        waiting: deque[_Run] = deque()
        runs = [(check, self._prepare(check, waiting)) for check in checks]
        _work_off(waiting)
        results = []
        for check, run in runs:
            allowed = check.limit_sec if limit_sec is None else min(check.limit_sec, limit_sec)
            results.append(run.result(started + allowed))
        return results

    def _prepare(self, check: Check, waiting: deque[_Run]) -> _Run:
        """A new run, which waits for a thread; or the run of this check that hangs."""
        with self._lock:
            hanging = self._hanging.get(check.name)
            if hanging is not None and not hanging.over.is_set():
                return hanging
            run = self._hanging[check.name] = _Run(check)
            waiting.append(run)
            return run


def _work_off(waiting: deque[_Run]) -> None:
    """Run all that waits; returns soon, also when a run hangs."""
    last = waiting[-1] if waiting else None
    while waiting and last is not None:
        threading.Thread(target=_work, args=(waiting,), name="checks", daemon=True).start()
        last.over.wait(_PATIENCE_SEC)


def _work(waiting: deque[_Run]) -> None:
    with suppress(IndexError):  # another thread has taken the last run
        while waiting:
            waiting.popleft().work()


def run_checks(checks: Iterable[Check], limit_sec: float | None = None) -> list[CheckResult]:
    """Run checks once, as `CheckRunner.run` does."""
    return CheckRunner().run(checks, limit_sec)


class _Run:
    def __init__(self, check: Check) -> None:
        self.over = threading.Event()
        self._check = check
        self._result = CheckResult(check.name)
        self._started = time.monotonic()

    def work(self) -> None:
        self._started = time.monotonic()
        result = run_check(self._check)
        self._result = replace(result, elapsed_ms=self._elapsed_ms())
        self.over.set()

    def _elapsed_ms(self) -> float:
        return round((time.monotonic() - self._started) * 1000, 1)

    def result(self, until: float) -> CheckResult:
        if self.over.wait(max(0.0, until - time.monotonic())):
            return self._result
        waited_ms = self._elapsed_ms()
        late = Reason.of("check.no_answer", waited_sec=waited_ms / 1000)
        return CheckResult(self._check.name, late, waited_ms)


def run_check(check: Check) -> CheckResult:
    """Run a check in this thread, without a limit; never raises for a failed check."""
    name = check.name
    try:
        check.check()
    except EasyaiError as error:
        return CheckResult(name, error.reason, public=error_for_client(error).reason)
    except Exception as error:  # noqa: BLE001 - any error means not well
        kind = type(error).__name__
        broken = Reason.of("check.broken", error=kind, why=quote(str(error)))
        return CheckResult(name, broken, public=quoted(kind))
    return CheckResult(name)


def error_for_client(error: EasyaiError) -> EasyaiError:
    """The error itself, or an error of the same class without the driver's message."""
    if isinstance(error, BusUnavailableError):
        return type(error)()  # a bus error consists of the driver's message only
    driven = isinstance(error, DatabaseUnavailableError | BrokerUnavailableError)
    if not driven or error.__cause__ is None or isinstance(error, SchemaMissingError):
        return error
    return type(error)()
