"""The runner of checks: each has its time, and none hinders another."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from easyai.domain.reason import Reason
from easyai.errors import DatabaseUnavailableError, StoreUnavailableError
from easyai.health.checks.named_check import CheckRunner, NotWellError, run_checks
from easyai.messages.catalogue import text


@dataclass
class Scripted:
    """A check with a scripted result."""

    name: str
    work: Callable[[], None]
    limit_sec: float = 5.0
    calls: list[float] = field(default_factory=list)

    def check(self) -> None:
        """As scripted."""
        self.calls.append(time.monotonic())
        self.work()


def _fail(error: Exception) -> Callable[[], None]:
    def work() -> None:
        raise error

    return work


def _nothing() -> None:
    """All is well."""


def test_every_check_runs_although_others_fail() -> None:
    results = run_checks(
        [
            Scripted("a", _fail(StoreUnavailableError("frame folder: gone"))),
            Scripted("b", _fail(ValueError("odd"))),
            Scripted("c", _nothing),
            Scripted("d", _fail(NotWellError(Reason("api.none_works")))),
        ]
    )
    assert [(result.name, result.ok, text(result.reason)) for result in results] == [
        ("a", False, "frame folder: gone"),
        ("b", False, "ValueError: odd"),
        ("c", True, ""),
        ("d", False, "no API shows that it works"),
    ]
    assert results[3].reason.code == "api.none_works"


def test_hanging_check_counts_as_failed_and_holds_a_single_thread() -> None:
    end = threading.Event()
    hung = Scripted("hung", lambda: _wait(end), limit_sec=0.2)
    quick = Scripted("quick", _nothing)
    runner = CheckRunner()
    began = time.monotonic()
    first, well = runner.run([hung, quick])
    assert time.monotonic() - began < 2.0
    assert (first.ok, well.ok) == (False, True)
    assert re.match(r"no answer within [0-9.]+ s", text(first.reason))
    waited = first.reason.get("waited_sec")
    assert isinstance(waited, float)
    assert 0.1 < waited < 2.0
    for _ in range(3):
        assert not runner.run([hung])[0].ok
    assert len(hung.calls) == 1, "it is not started again while it hangs"

    end.set()
    wait = time.monotonic() + 5
    while not runner.run([hung])[0].ok:
        assert time.monotonic() < wait


def _wait(end: threading.Event) -> None:
    end.wait(30)


def test_checks_together_take_no_longer_than_the_limit() -> None:
    end = threading.Event()
    hung = [Scripted(f"hung {number}", lambda: _wait(end)) for number in range(5)]
    began = time.monotonic()
    results = CheckRunner().run(hung, limit_sec=0.3)
    end.set()
    assert time.monotonic() - began < 2.0
    assert not any(result.ok for result in results)


def test_error_text_of_a_driver_is_hidden_from_clients() -> None:
    error = DatabaseUnavailableError('the database does not answer: host "db" user "boss"')
    error.__cause__ = OSError("refused")
    (result,) = run_checks([Scripted("database", _fail(error))])
    assert "boss" in text(result.reason)
    assert "boss" not in str(result.for_clients.reason)
    assert not result.for_clients.ok


def test_quick_checks_share_a_thread() -> None:
    threads: set[int] = set()
    quick = [
        Scripted(f"quick {number}", lambda: threads.add(threading.get_ident()))
        for number in range(5)
    ]
    assert all(result.ok for result in run_checks(quick))
    assert len(threads) == 1
