"""A time-out counts against a frame or its service, by the other answers and time-outs."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pytest

from easyai.db import generations, services, statistics
from easyai.db.ledger import LeasedFrame
from easyai.db.statistics import Tally
from easyai.domain.verdict import CallResult, Verdict
from easyai.pipeline import time_outs
from easyai.pipeline.answers import Answered
from easyai.pipeline.picture_moves import CarriedOut
from easyai.pipeline.transaction import run_transaction
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.site import TYPE, Installation

pytestmark = pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
_ELAPSED_SEC, _EWMA_SEC = 5.0, 0.5
_TURN_SEC = 30.0  # the default of infer_timeout_sec

_LIKE_NEW = (
    "UPDATE services SET breaker_failures = 0, breaker_open_until = 0, concurrency_cap = NULL"
)

TIMED_OUT = Verdict(CallResult.TIMEOUT, _ELAPSED_SEC * 1000)


@dataclass(frozen=True)
class Case:
    """The facts when the calls of some frames have just timed out after 5 s."""

    success_ago_sec: float = 1.0
    together: int = 1
    successes: int = 0  # of the type, within the last minute
    failures: int = 0
    breaker_failures: int = 0
    failed_before: bool = False  # the same frames, before the last success
    cap: int | None = None
    most: int = 8  # its registered max_concurrency
    others_in_flight: int = 0


@pytest.mark.parametrize(
    ("case", "at_fault"),
    [
        (Case(), True),
        (
            Case(success_ago_sec=4.5),
            False,
        ),  # the answered call may have begun earlier: the service is overloaded
        (Case(success_ago_sec=9.0), False),
        (Case(together=2, successes=4, failures=2), True),
        (Case(together=2, successes=3, failures=2), False),  # overloaded
        (Case(successes=0, failures=5), True),  # a single time-out, whatever was before
        (Case(success_ago_sec=9.0, failed_before=True), True),
        (Case(success_ago_sec=9.0, failed_before=True, breaker_failures=1), False),
        (Case(success_ago_sec=9.0, failed_before=True, others_in_flight=1), False),
        (Case(success_ago_sec=9.0, failed_before=True, others_in_flight=1, cap=1), True),
        (Case(success_ago_sec=9.0, failed_before=True, others_in_flight=1, most=1), True),
        (Case(success_ago_sec=9.0, cap=1), False),
        (Case(success_ago_sec=21.0, failed_before=True), False),  # nothing answered since
    ],
    ids=str,
)
def test_time_out_counts_against_a_frame_if_the_service_answers_others(
    site: Installation, case: Case, at_fault: bool
) -> None:
    pk = site.register(AlgorithmStub())
    site.record(case.together + case.others_in_flight)
    now = time.time()
    _note(site, case, now)
    if case.failed_before:
        site.execute("UPDATE frames SET last_failure_at = :at", at=now - 20)
    frames = site.lease(most=case.together).frames
    if case.others_in_flight:
        site.execute("UPDATE frames SET state = 'leased', service_pk = :pk", pk=pk)
    assert len(frames) == case.together
    found = _found(site, [(frame, TIMED_OUT) for frame in frames], case, now)
    assert found == ({frame.id for frame in frames} if at_fault else set())


def test_answer_settled_together_with_a_time_out_is_not_a_second_time_out(
    site: Installation,
) -> None:
    site.register(AlgorithmStub())
    site.record(2)
    now = time.time()
    _note(site, Case(), now)
    hung, answered = site.lease(most=2).frames
    calls = [(hung, TIMED_OUT), (answered, Verdict(CallResult.INFERRED, _ELAPSED_SEC * 1000))]
    assert _found(site, calls, Case(), now) == {hung.id}


def test_single_time_out_counts_despite_an_overloaded_other_service(
    site: Installation,
) -> None:
    pks = [site.register(AlgorithmStub()) for _ in range(2)]
    site.record(3)
    now = time.time()
    _note(site, Case(), now)
    *many, alone = site.lease(most=3).frames
    calls = [(frame._replace(service_pk=pks[0]), TIMED_OUT) for frame in many]
    calls.append((alone._replace(service_pk=pks[1]), TIMED_OUT))
    assert _found(site, calls, Case(), now) == {alone.id}


def _note(site: Installation, case: Case, now: float) -> None:
    """Write the facts of the case to the services."""
    site.execute(
        "UPDATE services SET ewma_ms = :ewma, last_success_at = :at, breaker_failures = :failures,"
        " concurrency_cap = :cap, max_concurrency = :most",
        ewma=_EWMA_SEC * 1000,
        at=now - case.success_ago_sec,
        failures=case.breaker_failures,
        cap=case.cap,
        most=case.most,
    )


def _found(
    site: Installation, calls: list[tuple[LeasedFrame, Verdict]], case: Case, now: float
) -> set[int]:
    """The ids of the frames at fault when these calls are settled together."""
    pks = {frame.service_pk for frame, _ in calls}
    with site.runtime.db.write() as conn:
        tally = Tally(successes=case.successes, failures=case.failures)
        statistics.add(conn, {TYPE: tally}, now)
        rows = {row.pk: row for row in services.lock_called(conn, sorted(pks))}
        return time_outs.of_frames(conn, calls, rows, now)


@pytest.mark.parametrize("answered_others", [False, True])
def test_repeated_time_outs_are_spread_only_if_others_were_answered(
    site: Installation, answered_others: bool
) -> None:
    pk = site.register(AlgorithmStub())
    site.execute("UPDATE services SET max_concurrency = 12")
    site.record(12)
    for number in range(2):
        leased = site.lease()
        assert len(leased.frames) == 12
        answers = [Answered(frame, leased.endpoints[pk], TIMED_OUT) for frame in leased.frames]
        run_transaction(site.runtime, answers, CarriedOut(), None)
        if number == 0:
            site.execute("UPDATE frames SET due_at = 0, last_failure_at = last_failure_at - 20")
            site.execute(_LIKE_NEW)
            with site.runtime.db.write() as conn:
                generations.bump_registry(conn)
            if answered_others:
                site.execute("UPDATE services SET last_success_at = :at", at=time.time() - 10)
    waits = sorted(frame["due_at"] - frame["last_failure_at"] for frame in site.frames())
    if answered_others:
        turns = [round((wait - waits[0]) / _TURN_SEC) for wait in waits]
        assert waits[0] >= _TURN_SEC
        assert set(turns) == {0, 1, 2}, waits
    else:
        assert waits[-1] <= 5, waits


def test_recovered_service_does_not_hurry_spread_retries(
    site: Installation,
) -> None:
    pk = site.register(AlgorithmStub())
    site.record(3)
    leased = site.lease(most=1)
    now = time.time()
    site.execute("UPDATE services SET breaker_failures = 3, breaker_open_until = :at", at=now - 1)
    site.execute("UPDATE frames SET due_at = :at WHERE id = 2", at=now + 3)
    site.execute("UPDATE frames SET due_at = :at WHERE id = 3", at=now + _TURN_SEC)
    answer = Answered(leased.frames[0], leased.endpoints[pk], Verdict(CallResult.INFERRED, 20.0))
    run_transaction(site.runtime, [answer], CarriedOut(), None)
    assert site.service(pk)["breaker_open_until"] == 0
    due = {frame["id"]: frame["due_at"] - now for frame in site.frames()}
    assert due[2] < 2
    assert due[3] == pytest.approx(_TURN_SEC)


def test_retries_of_frames_with_affinity_are_not_spread(site: Installation) -> None:
    site.configure(f'[ai_analysis.types."{TYPE}"]\naffinity = "task_id"\n')
    pk = site.register(AlgorithmStub())
    site.record(1, stream="门口1")
    now = time.time()
    site.execute("UPDATE frames SET tries = 1, last_failure_at = :at", at=now - 20)
    site.execute("UPDATE services SET last_success_at = :at", at=now - 10)
    leased = site.lease(most=1)
    run_transaction(
        site.runtime,
        [Answered(leased.frames[0], leased.endpoints[pk], TIMED_OUT)],
        CarriedOut(),
        None,
    )
    (frame,) = site.frames()
    assert frame["state"] == "pending"
    assert frame["due_at"] - now <= 5, "its camera stands still meanwhile"


def test_spread_of_a_retry_is_at_most_90_seconds(site: Installation) -> None:
    site.register(AlgorithmStub())
    site.record(1)
    (frame,) = site.lease(most=1).frames
    assert time_outs.apart_sec(frame._replace(tries=1), 600.0) <= 3 * 30


def test_spread_of_retries_differs_for_each_frame_over_its_tries(site: Installation) -> None:
    site.register(AlgorithmStub())
    site.record(30)
    frames = site.lease(most=30).frames
    turns = {
        tuple(time_outs.apart_sec(frame._replace(tries=tries), _TURN_SEC) for tries in range(1, 9))
        for frame in frames
    }
    assert len(turns) == len(frames) == 30
    assert all(_TURN_SEC <= wait <= 3 * _TURN_SEC for waits in turns for wait in waits)
    assert {time_outs.apart_sec(frame._replace(tries=0), _TURN_SEC) for frame in frames} == {0.0}
