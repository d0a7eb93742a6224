"""One small object for each thing that must work, and the runner that gives each its time.

A check raises an EasyaiError whose message says what is wrong and what to do. The message may name
hosts and files: it is for operators, the log and the diagnosis, not for clients of the API.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, Protocol

from easyai.domain.words import Words
from easyai.errors import (
    BrokerUnavailableError,
    BusUnavailableError,
    DatabaseUnavailableError,
    EasyaiError,
    SchemaMissingError,
)
from easyai.runtime import Runtime


class Check(Protocol):
    """One thing that must work."""

    @property
    def name(self) -> str:
        """One word, the same in every report."""

    @property
    def limit_sec(self) -> float:
        """One that takes longer counts as not working."""

    def check(self) -> None:
        """Raise EasyaiError with reason and remedy when it does not work."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check gave; `reason` is '' when all is well."""

    name: str
    reason: str = ""
    elapsed_ms: float = 0.0
    words: Words | None = None  # the reason in both languages, where it is ours
    public: str = ""  # the reason without what a client must not see; '': the same

    @property
    def ok(self) -> bool:
        """Whether the thing works."""
        return not self.reason

    @property
    def for_clients(self) -> CheckResult:
        """Without the words of drivers, which may name hosts and users."""
        return replace(self, reason=self.public, words=None) if self.public else self


class NotWellError(EasyaiError):
    """Something that is checked does not work."""

    def __init__(self, words: Words) -> None:
        super().__init__(words.en)
        self.words = words


class CheckRunner:
    """Runs checks side by side, each within its time; one for a process (``runtime.part``).

    A check that hangs keeps its thread. It is not started again until that thread has ended, so
    that a store that hangs for a week costs one thread.
    """

    def __init__(self, _runtime: Runtime | None = None) -> None:
        self._lock = threading.Lock()
        self._hanging: dict[str, _Run] = {}

    def run(self, checks: Iterable[Check], limit_sec: float | None = None) -> list[CheckResult]:
        """What each check gives, in their order; never raises for what is being checked.

        `limit_sec` shortens the time of every check; all run at once, so the whole takes no longer
        than the slowest may.
        """
        started = time.monotonic()
        runs = [(check, self._start(check)) for check in checks]
        results = []
        for check, run in runs:
            allowed = check.limit_sec if limit_sec is None else min(check.limit_sec, limit_sec)
            results.append(run.result(started + allowed))
        return results

    def _start(self, check: Check) -> _Run:
        with self._lock:
            hanging = self._hanging.get(check.name)
            if hanging is not None and not hanging.over.is_set():
                return hanging
            run = self._hanging[check.name] = _Run(check)
            run.start()
            return run


def run_checks(checks: Iterable[Check], limit_sec: float | None = None) -> list[CheckResult]:
    """Run checks once, as `CheckRunner.run` does."""
    return CheckRunner().run(checks, limit_sec)


_MOST_WORDS: Final = 500


class _Run:
    def __init__(self, check: Check) -> None:
        self.over = threading.Event()
        self._check = check
        self._result = CheckResult(check.name)
        self._started = time.monotonic()

    def start(self) -> None:
        name = f"check-{self._check.name}"
        threading.Thread(target=self._work, name=name, daemon=True).start()

    def _work(self) -> None:
        result = run_one(self._check)
        self._result = replace(result, elapsed_ms=self._elapsed_ms())
        self.over.set()

    def _elapsed_ms(self) -> float:
        return round((time.monotonic() - self._started) * 1000, 1)

    def result(self, until: float) -> CheckResult:
        if self.over.wait(max(0.0, until - time.monotonic())):
            return self._result
        waited = self._elapsed_ms()
        words = Words(
            f"no answer within {waited / 1000:.1f} s", f"{waited / 1000:.1f} 秒内没有应答"
        )
        return CheckResult(self._check.name, words.en, waited, words)


def run_one(check: Check) -> CheckResult:
    """Run one check here, without a limit; never raises for what is being checked."""
    name = check.name
    try:
        check.check()
    except NotWellError as error:
        return CheckResult(name, str(error)[:_MOST_WORDS], words=error.words)
    except EasyaiError as error:
        reason = str(error) or type(error).__name__
        return CheckResult(name, reason[:_MOST_WORDS], public=client_words(error))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is not well
        kind = type(error).__name__
        return CheckResult(name, f"{kind}: {error}"[:_MOST_WORDS], public=kind)
    return CheckResult(name)


def client_words(error: EasyaiError) -> str:
    """An error's message for a client: one that repeats a driver's words is told by its kind."""
    if isinstance(error, BusUnavailableError):
        return str(type(error)())  # a bus is known through its driver's words only
    driven = isinstance(error, DatabaseUnavailableError | BrokerUnavailableError)
    if not driven or error.__cause__ is None or isinstance(error, SchemaMissingError):
        return str(error)
    return str(type(error)())
