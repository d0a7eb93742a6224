"""Transactions that change the same rows do not deadlock (docs, "Locks").

On PostgreSQL all transactions that lock rows run against each other, a hundred times longer
than a deadlock needed to appear when the order was not kept.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import text

from easyai.db import ledger, row_repairs, statistics
from easyai.domain.reason import quoted
from easyai.domain.verdict import CallResult, Verdict
from easyai.errors import DatabaseUnavailableError
from easyai.pipeline.answers import Answered
from easyai.pipeline.picture_moves import CarriedOut
from easyai.pipeline.transaction import run_transaction
from easyai.registry import registration
from easyai.runtime import Runtime
from tests.integration.db.contention import (
    deadlocks,
    migrated_url,
    quick_to_find_deadlocks,
    run_against_each_other,
)
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.site import TYPE, Installation

__all__ = ["migrated_url"]
_FRAMES = 60
_FAR = 3e9  # a time long after now


@pytest.fixture
def busy(site: Installation) -> Iterator[Installation]:
    """A site with frames and two services; a deadlock shows within 20 ms."""
    for stub in (AlgorithmStub(service_id="s1"), AlgorithmStub(service_id="s2")):
        site.register(stub)
    site.record(_FRAMES)
    with quick_to_find_deadlocks(site):
        yield site


class Worker:
    """Leases and settles in each transaction; every third transaction only settles."""

    def __init__(self, runtime: Runtime, name: str) -> None:
        self._runtime, self._name = runtime, name
        self._transactions = itertools.count()
        self._answered: list[Answered] = []

    def __call__(self) -> None:
        """Run a transaction."""
        number = next(self._transactions)
        answered, self._answered = self._answered, []
        token = f"{self._name}-{number}" if number % 3 else None
        _, dispatched = run_transaction(self._runtime, answered, CarriedOut(), token)
        self._answered = [
            Answered(frame, dispatched.endpoints[frame.service_pk], _ANSWERS[frame.id % 2])
            for frame in dispatched.frames
        ]


_ANSWERS = (
    Verdict(CallResult.UNREACHABLE, reason=quoted("refused")),
    Verdict(CallResult.REFUSED, reason=quoted("no"), elapsed_ms=1.0),
)


def _trouble(runtime: Runtime) -> Callable[[], None]:
    """Opens breakers that an answer closes, and makes frames due within milliseconds."""

    def change() -> None:
        with runtime.db.write() as conn:
            conn.execute(
                text(
                    "UPDATE services SET breaker_failures = 3, breaker_pause_sec = 5,"
                    " breaker_open_until = :until WHERE pk IN"
                    " (SELECT pk FROM services ORDER BY pk FOR UPDATE)"
                ),
                {"until": time.time() + 0.01},
            )
        with runtime.db.write() as conn:
            conn.execute(
                text(
                    "UPDATE frames SET state = 'pending', attempts = 0, tries = 0,"
                    " settled_at = NULL, image_target = NULL, due_at = :now + random() * 0.03"
                    " WHERE id IN (SELECT id FROM frames WHERE state IN ('pending', 'failed')"
                    " FOR UPDATE SKIP LOCKED)"
                ),
                {"now": time.time()},
            )

    return change


def _registry(runtime: Runtime, endpoints: list[dict[str, Any]]) -> Callable[[], None]:
    rounds = itertools.cycle(endpoints)

    def change() -> None:
        body = next(rounds)
        with runtime.db.write() as conn:
            conn.execute(text("UPDATE services SET state = 'offline' WHERE service_id = 's1'"))
        registration.heartbeat(runtime, "s1")
        registration.register(runtime, body)

    return change


def _clock(runtime: Runtime) -> Callable[[], None]:
    def change() -> None:
        with runtime.db.write() as conn:
            conn.execute(
                text(
                    "UPDATE services SET breaker_open_until = :far WHERE pk IN"
                    " (SELECT pk FROM services ORDER BY pk FOR UPDATE)"
                ),
                {"far": _FAR},
            )
        with runtime.db.write() as conn:
            conn.execute(
                text(
                    "UPDATE frames SET leased_at = :far, lease_expires_at = :far WHERE id IN"
                    " (SELECT id FROM frames WHERE state = 'leased' FOR UPDATE SKIP LOCKED)"
                ),
                {"far": _FAR},
            )
        with runtime.db.dispatching() as conn:
            row_repairs.follow_clock(conn, time.time(), 15.0)
            row_repairs.pull_back(conn, time.time())

    return change


def _sweep(runtime: Runtime) -> Callable[[], None]:
    def change() -> None:
        time.sleep(0.1)
        with runtime.db.write() as conn:
            ledger.expire(conn, _FAR)

    return change


def test_transactions_on_frames_and_services_do_not_deadlock(busy: Installation) -> None:
    bodies = [
        {
            "service_id": row["service_id"],
            "name": "stub",
            "task_types": [TYPE],
            "endpoint": row["endpoint"],
            "version": "1",
        }
        for row in busy.rows("SELECT service_id, endpoint FROM services")
    ]
    jobs: list[Callable[[], None]] = [Worker(busy.open(), f"w{number}") for number in range(3)]
    jobs += [_registry(busy.open(), bodies), _clock(busy.open()), _sweep(busy.open())]
    jobs += [_trouble(busy.open())]
    run_against_each_other(busy, jobs)


def test_closing_a_breaker_and_leasing_do_not_deadlock(
    busy: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = busy.lease(most=1), busy.lease(most=1)
    at_first, at_second = first.frames[0].service_pk, second.frames[0].service_pk
    assert at_first != at_second
    busy.execute(
        "UPDATE services SET breaker_failures = 3, breaker_pause_sec = 5, breaker_open_until = :now"
        " WHERE pk = :pk",
        now=time.time(),
        pk=at_first,
    )
    # The answer makes these frames due, and they are due before its transaction ends.
    busy.execute("UPDATE frames SET due_at = :at WHERE state = 'pending'", at=time.time() + 0.4)
    add = statistics.add

    def slowly(*values: Any) -> None:
        if threading.current_thread().name == "evidence":
            time.sleep(1.2)
        add(*values)

    monkeypatch.setattr(statistics, "add", slowly)
    errors: list[Exception] = []
    before = deadlocks(busy)

    def run(dispatched: Any, token: str | None) -> None:
        frame = dispatched.frames[0]
        answered = [Answered(frame, dispatched.endpoints[frame.service_pk], _ANSWERS[1])]
        try:
            run_transaction(busy.open(), answered, CarriedOut(), token)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test names it
            errors.append(error)

    evidence = threading.Thread(target=run, args=(first, None), name="evidence")
    leasing = threading.Thread(target=run, args=(second, "leasing-1"))
    evidence.start()
    time.sleep(0.6)
    leasing.start()
    evidence.join()
    leasing.join()
    assert not errors, str(errors[0])
    assert deadlocks(busy) == before
    assert busy.count("leased") > 0


def test_deadlock_raises_a_retryable_database_error(
    site: Installation,
) -> None:
    for sqlstate in ("40P01", "40001"):  # deadlock detected, could not serialize
        with pytest.raises(DatabaseUnavailableError) as caught, site.runtime.db.write() as conn:
            conn.execute(text(f"DO $$ BEGIN RAISE SQLSTATE '{sqlstate}'; END $$"))
        assert caught.value.retryable
