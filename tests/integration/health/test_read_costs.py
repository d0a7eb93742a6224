"""The watchdog's reads every two seconds are bounded and still find all it needs."""

from __future__ import annotations

import time

from sqlalchemy import event, text

from easyai.alarms.observation import Observer
from easyai.db import statistics, task_types
from easyai.db.diagnosis_facts import MOST_FAILED
from easyai.db.statistics import Tally
from easyai.domain.reason import quoted
from easyai.health.facts import Facts
from easyai.health.gather import gather
from easyai.health.successes import SuccessMemory
from tests.support.algorithm_stub import AlgorithmStub
from tests.support.lively import look
from tests.support.site import TYPE, Installation
from tests.support.waiting import wait_until

REFUSED = "model not loaded"


def _facts(site: Installation) -> Facts:
    return gather(site.runtime, [], exact=False)


def test_failed_frames_are_counted_up_to_a_limit_and_exactly_for_a_report(
    site: Installation,
) -> None:
    site.record(MOST_FAILED + 200)
    site.execute(
        "UPDATE frames SET state = 'failed', outcome = 'failed', reason = 'x', settled_at = :now",
        now=time.time(),
    )
    observer = Observer(site.runtime, tuple, every_sec=0.1)
    observer.start()
    try:
        wait_until(lambda: observer.newest is not None, 10, "the first observation")
    finally:
        observer.close(timeout_sec=15.0)  # its read must end before the database is closed
    assert observer.newest is not None
    (seen,) = observer.newest.facts.types
    assert (seen.failed, seen.failures.count) == (MOST_FAILED, MOST_FAILED)
    (reported,) = look(site, probes=False).facts.types
    assert reported.failed == MOST_FAILED + 200


def test_refused_frames_are_counted_behind_thousands_of_newer_frames(
    site: Installation,
) -> None:
    now = time.time()
    site.record(3)
    site.execute(
        "UPDATE frames SET attempts = 1, tries = 1, reason = :reason, last_failure_at = :at,"
        " due_at = :at + 0.25",
        reason=REFUSED,
        at=now - 40,
    )
    site.record(2000)
    (seen,) = _facts(site).types
    assert (seen.refusals.count, seen.refusals.reasons) == (3, ((quoted(REFUSED), 3),))


def test_refusals_are_not_queried_while_frames_succeed(
    site: Installation, algorithm: AlgorithmStub
) -> None:
    site.register(algorithm)
    site.record(5)
    with site.runtime.db.write() as conn:
        statistics.add(conn, {TYPE: Tally(successes=1, processed=1)}, time.time())
    asked: list[str] = []

    def listen(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    engine = site.runtime.db.engine
    event.listen(engine, "before_cursor_execute", listen)
    try:
        _facts(site)
        assert not [statement for statement in asked if "last_failure_at >" in statement], (
            "a success was just now"
        )
        site.execute("UPDATE statistics SET bucket = bucket - 300 WHERE bucket > 0")
        _facts(site)
        assert [statement for statement in asked if "last_failure_at >" in statement]
    finally:
        event.remove(engine, "before_cursor_execute", listen)


def test_cached_success_times_equal_freshly_read_success_times(
    site: Installation,
) -> None:
    now = int(time.time())
    rows = [
        {"bucket": now // 10 * 10 - 10 * back, "name": f"t{number}"}
        for number in range(20)
        for back in range(1, 360)
    ]
    with site.runtime.db.write() as conn:
        conn.execute(
            text(
                "INSERT INTO statistics (bucket, task_type, successes) VALUES (:bucket, :name, 1)"
            ),
            rows,
        )
        task_types.add(conn, {str(row["name"]) for row in rows}, now)
    remembered = SuccessMemory(site.runtime)
    for number, at in ((0, now), (1, now), (2, now + 9)):
        with site.runtime.db.write() as conn:
            statistics.add(conn, {f"t{number}": Tally(successes=1), "new": Tally(successes=1)}, at)
        with site.runtime.db.read() as conn:
            cached = remembered.read(conn, at + 1)
            fresh = SuccessMemory(site.runtime).read(conn, at + 1)
        assert cached.keys() == fresh.keys()
        for name, success in cached.items():
            assert success.last_at == fresh[name].last_at
            assert abs(success.apart_sec - fresh[name].apart_sec) < 0.1
    assert remembered._closed is not None


def test_expensive_observation_is_repeated_less_often(site: Installation) -> None:
    began_at = []

    def dear() -> tuple[()]:
        began_at.append(time.monotonic())
        began = time.thread_time()
        while time.thread_time() - began < 0.1:
            pass
        return ()

    observer = Observer(site.runtime, dear, every_sec=0.1)
    observer.start()
    try:
        wait_until(lambda: len(began_at) == 2, 15, "the second observation")
    finally:
        observer.close(timeout_sec=15.0)  # its read must end before the database is closed
    assert began_at[1] - began_at[0] >= 2.0
