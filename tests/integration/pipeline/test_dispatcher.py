"""A dispatcher per process leases all types in a transaction, and looks by itself when due."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from easyai.domain import breaker
from easyai.domain.verdict import CallResult, Verdict
from easyai.pipeline import dispatcher
from easyai.pipeline import transaction as transaction_module
from easyai.pipeline.answers import Answered
from easyai.pipeline.dispatch import dispatch
from easyai.pipeline.dispatched import Dispatched
from easyai.pipeline.infer import InferenceLoop
from easyai.pipeline.picture_moves import CarriedOut
from easyai.pipeline.transaction import run_transaction
from easyai.registry import registration, unregistration
from easyai.runtime import Runtime
from tests.support.algorithm_stub import AlgorithmStub, detections
from tests.support.site import TYPE, Installation
from tests.support.waiting import wait_until

MANY = [f"type-{number:03d}" for number in range(200)]


@contextmanager
def _statements(site: Installation, *, by_row: bool = False) -> Iterator[list[str]]:
    """The statements that the block sends; `by_row`: counted once for each row."""
    sent: list[str] = []

    def note(
        _conn: Any, _cursor: Any, statement: str, values: Any, _context: Any, many: bool
    ) -> None:
        sent.extend([" ".join(statement.split())] * (len(values) if many and by_row else 1))

    engine = site.runtime.db.engine
    event.listen(engine, "before_cursor_execute", note)
    yield sent
    event.remove(engine, "before_cursor_execute", note)


@contextmanager
def _working(site: Installation) -> Iterator[InferenceLoop]:
    """A worker's loop, as it runs in production: nobody pumps it."""
    loop = InferenceLoop(site.open())
    try:
        yield loop
    finally:
        loop.drain(5.0)


def _transaction(site: Installation) -> Dispatched:
    _, dispatched = run_transaction(site.runtime, [], CarriedOut(), f"token-{time.monotonic_ns()}")
    return dispatched


def _services(site: Installation, count: int, types: list[str], **extra: Any) -> None:
    for number in range(count):
        body = {
            "service_id": f"s{number}",
            "task_types": types,
            "endpoint": f"http://127.0.0.1:{9000 + number}/infer",
        }
        registration.register(site.runtime, body | extra)


def test_frames_of_200_types_are_leased_in_a_single_transaction(site: Installation) -> None:
    site.configure(batch_size=200, max_concurrent_infer=200)
    _services(site, 20, MANY)
    for name in MANY:
        site.record(1, name)
    leased = _transaction(site)
    assert {frame.task_type for frame in leased.frames} == set(MANY)
    assert (leased.crowded, leased.unserved, leased.look_at) == ([], [], None)
    rows = site.rows("SELECT count(*) AS n FROM frames WHERE state = 'leased' GROUP BY service_pk")
    assert {row["n"] for row in rows} == {10}, "spread evenly over the services"


def test_transaction_without_free_places_sends_few_statements_for_200_types(
    site: Installation,
) -> None:
    _services(site, 2, MANY, max_concurrency=1)
    for name in MANY:
        site.record(2, name)
    assert len(_transaction(site).frames) == 2
    with _statements(site) as sent:
        found = _transaction(site)
    assert (found.frames, len(found.crowded)) == ([], 200)
    assert len(sent) <= 5, sent


def test_leasing_from_60_types_sends_few_statements(
    site: Installation,
) -> None:
    site.configure(batch_size=60, max_concurrent_infer=60)
    _services(site, 3, MANY)
    for name in MANY[:60]:
        site.record(3, name)
    _transaction(site)  # the services are in memory from here on
    site.execute("UPDATE frames SET state = 'done', lease_token = NULL WHERE state = 'leased'")
    with _statements(site) as sent:
        leased = _transaction(site)
    assert len(leased.frames) == 60
    assert len(sent) <= 7, sent


def _answers(leased: Dispatched) -> list[Answered]:
    inferred = Verdict(CallResult.INFERRED, 5.0)
    return [
        Answered(frame, leased.endpoints[frame.service_pk], inferred) for frame in leased.frames
    ]


def _statements_of_a_transaction(site: Installation, types: list[str]) -> Counter[str]:
    """The statements of a transaction that settles 60 frames and leases 60 others."""
    for name in types:
        site.record(120 // len(types), name)
    answers = _answers(_transaction(site))
    assert len(answers) == 60
    with _statements(site, by_row=True) as sent:
        settled, leased = run_transaction(site.runtime, answers, CarriedOut(), "next")
    assert (settled.finished, len(leased.frames)) == (60, 60)
    settled, _ = run_transaction(site.runtime, _answers(leased), CarriedOut(), None)
    # Durations (test_totals.py) and the fates by camera are written now and then, not each time.
    seldom = ("duration_totals", "camera_hours", "camera_types")
    return Counter(text for text in sent if not any(table in text for table in seldom))


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
def test_each_type_in_a_transaction_adds_two_rows_and_no_statement(
    site: Installation,
) -> None:
    site.configure(batch_size=60, max_concurrent_infer=60)
    _services(site, 1, MANY[:60])
    few = _statements_of_a_transaction(site, MANY[:1])
    many = _statements_of_a_transaction(site, MANY[:60])
    more = many - few
    for table in ("statistics", "frame_totals"):
        assert [count for text, count in more.items() if f"INTO {table}" in text] == [59]
    # Frames of many types are read by another single statement, not by additional statements.
    assert many.total() - few.total() == 2 * 59, more


def test_unchanged_services_are_taken_from_memory(site: Installation) -> None:
    _services(site, 5, [TYPE])
    site.record(5)
    _transaction(site)
    site.record(5)
    with _statements(site) as sent:
        assert len(_transaction(site).frames) == 5
    assert not [text for text in sent if "FROM services" in text]


def test_limit_lowered_by_another_process_holds_at_once(site: Installation) -> None:
    stub = AlgorithmStub()
    site.register(stub, max_concurrency=10)
    site.record(50)
    assert len(_transaction(site).frames) == 10
    body = {"service_id": "stub", "task_types": [TYPE], "endpoint": stub.endpoint}
    registration.register(site.open(), body | {"max_concurrency": 4})
    site.execute("UPDATE frames SET state = 'done', lease_token = NULL WHERE state = 'leased'")
    assert len(_transaction(site).frames) == 4


def test_service_unregistered_by_another_process_gets_no_more_frames(site: Installation) -> None:
    site.register(AlgorithmStub())
    site.record(5)
    site.configure(batch_size=2)
    assert len(_transaction(site).frames) == 2
    unregistration.clear_all(site.open())
    found = _transaction(site)
    assert (found.frames, found.unserved) == ([], [TYPE])


def test_rolled_back_transaction_leaves_no_services_in_memory(
    site: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.register(AlgorithmStub(), max_concurrency=3)
    site.record(5)

    def fails(*arguments: Any, **options: Any) -> Dispatched:
        dispatch(*arguments, **options)
        raise ZeroDivisionError

    monkeypatch.setattr(transaction_module, "dispatch", fails)
    with pytest.raises(ZeroDivisionError):
        _transaction(site)
    monkeypatch.undo()
    with _statements(site) as sent:
        assert len(_transaction(site).frames) == 3
    assert [text for text in sent if "FROM services" in text]


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
def test_frame_is_retried_when_due_without_another_wake(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    algorithm.answer = lambda frame: (500, {}) if algorithm.count <= 2 else detections(1)
    site.register(algorithm)
    site.put_many(1)
    site.scan()
    with _working(site) as loop:
        loop.wake(TYPE)  # only once
        wait_until(lambda: site.count("done") == 1, 5, "the third try")
    assert algorithm.count == 3


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
def test_breaker_gets_its_trial_when_its_pause_is_over(
    site: Installation, algorithm: AlgorithmStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breaker, "FIRST_PAUSE_SEC", 0.5)
    algorithm.answer = lambda frame: (500, {}) if algorithm.count <= 5 else detections(1)
    site.register(algorithm)
    site.put_many(5)
    site.scan()
    with _working(site) as loop:
        loop.wake(TYPE)
        wait_until(lambda: site.count("done") == 5, 10, "inferred after the breaker's pause")


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
def test_starting_worker_leases_frames_without_a_wake(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    site.register(algorithm)
    site.put_many(3)
    site.scan()
    with _working(site):
        wait_until(lambda: site.count("done") == 3, 5, "inferred")


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
def test_failed_leasing_does_not_delay_answers(
    site: Installation, algorithm: AlgorithmStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    algorithm.delay = 0.5
    site.register(algorithm)
    site.put_many(4)
    site.scan()
    with _working(site) as loop:
        algorithm.wait_for(4)

        def fails(*_: Any, **__: Any) -> Dispatched:
            raise ZeroDivisionError

        monkeypatch.setattr(transaction_module, "dispatch", fails)
        site.put(f"{TYPE}/门口1/9.jpg")
        site.scan()
        loop.wake(TYPE)
        wait_until(lambda: site.count("done") == 4, 10, "the answers are settled")
        assert {frame["reason"] for frame in site.frames()} == {None}
        monkeypatch.undo()
        wait_until(lambda: site.count("done") == 5, 10, "and leasing goes on")


@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
def test_answers_are_settled_in_groups_again_after_a_failed_group(
    site: Installation, algorithm: AlgorithmStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups: list[int] = []

    def fails_once(runtime: Runtime, answered: list[Answered], *rest: Any, **options: Any) -> Any:
        alone = 1 in groups
        groups.append(len(answered))
        if len(answered) > 1 and not alone:
            raise ZeroDivisionError
        time.sleep(0.02)  # answers wait at the end of every transaction
        return run_transaction(runtime, answered, *rest, **options)

    monkeypatch.setattr(dispatcher, "run_transaction", fails_once)
    site.configure(max_concurrent_infer=60)
    site.register(algorithm)
    site.record(900)
    with _working(site):
        wait_until(lambda: 1 in groups, 10, "settled singly")
        wait_until(lambda: max(groups[groups.index(1) :]) >= 30, 5, "settled in groups again")


def test_wake_is_answered_by_its_transaction(site: Installation) -> None:
    site.record(1)
    site.record(1, "人脸")
    site.execute("UPDATE task_types SET rung_at = 5")
    run_transaction(site.runtime, [], CarriedOut(), None, rung=[TYPE])
    rows = site.rows("SELECT name, rung_at FROM task_types")
    assert {row["name"]: row["rung_at"] for row in rows} == {TYPE: 0, "人脸": 5}
