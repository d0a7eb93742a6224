"""A periodic task runs once at a time, and only once for ticks that piled up."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection

from easyai.db.migrate import upgrade
from easyai.db.session import Database
from easyai.errors import DatabaseUnavailableError
from easyai.tasks import single_run
from easyai.tasks.single_run import claimed
from tests.support.waiting import wait_until


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    """A database that is up to date."""
    url = f"sqlite:///{tmp_path / 'easyai.db'}"
    upgrade(url)
    made = Database(url)
    yield made
    made.dispose()


def test_a_second_run_is_refused_while_the_first_goes_on(db: Database) -> None:
    with claimed(db, "scan", 0) as first, claimed(db, "scan", 0) as second:
        assert first
        assert not second


def test_different_periodic_tasks_do_not_wait_for_each_other(db: Database) -> None:
    with claimed(db, "scan", 0) as scan, claimed(db, "sweep", 0) as sweep:
        assert scan
        assert sweep


def test_the_next_run_may_start_when_the_first_has_ended_or_failed(db: Database) -> None:
    def failing_run() -> None:
        with claimed(db, "scan", 0) as first:
            assert first
            raise ValueError("defect")

    with pytest.raises(ValueError, match="defect"):
        failing_run()
    with claimed(db, "scan", 0) as second:
        assert second


@pytest.mark.parametrize("lost", [1, 2], ids=["of the claim", "of its release too"])
def test_claim_with_a_lost_commit_answer_blocks_no_run(
    db: Database, monkeypatch: pytest.MonkeyPatch, lost: int
) -> None:
    heard = db.write
    left = iter(range(lost))

    @contextmanager
    def unheard(**options: bool) -> Iterator[Connection]:
        with heard(**options) as conn:
            yield conn
        if next(left, None) is not None:
            raise DatabaseUnavailableError("the answer of the commit got lost")

    monkeypatch.setattr(db, "write", unheard)
    with pytest.raises(DatabaseUnavailableError), claimed(db, "scan", 0):
        pass
    with claimed(db, "scan", 0) as ours:
        assert ours


def test_piled_up_ticks_make_a_single_run(db: Database) -> None:
    runs = 0
    for _ in range(10):
        with claimed(db, "scan", 60) as ours:
            runs += ours
    assert runs == 1


def test_killed_run_frees_its_periodic_task_after_the_claim_lapses(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(single_run, "TTL_SEC", 0.2)
    run = claimed(db, "scan", 0)
    assert run.__enter__()

    def free() -> bool:
        with claimed(db, "scan", 0) as ours:
            return ours

    wait_until(free, 5)


def test_a_slow_run_keeps_its_claim(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(single_run, "TTL_SEC", 1.0)
    monkeypatch.setattr(single_run, "_RENEW_EVERY_SEC", 0.1)
    with claimed(db, "scan", 0) as first:
        assert first
        monkeypatch.setattr(single_run, "TTL_SEC", 30.0)

        def renewed() -> bool:
            with db.read() as conn:
                query = "SELECT expires_at - strftime('%s', 'now') FROM process_leases"
                return bool(conn.exec_driver_sql(query).scalar_one() > 20)

        wait_until(renewed, 5)


def test_short_runs_share_a_timer(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    timers: list[threading.Timer] = []

    class Timer(threading.Timer):
        def start(self) -> None:
            timers.append(self)
            super().start()

    monkeypatch.setattr(threading, "Timer", Timer)
    for _ in range(5):
        with claimed(db, "scan", 0), claimed(db, "sweep", 0):
            pass
    assert len(timers) == 1


def test_timer_ends_when_no_run_follows_and_begins_with_the_next_run(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(single_run, "_RENEW_EVERY_SEC", 0.05)
    for _ in range(2):
        with claimed(db, "scan", 0):
            assert single_run._of_database[db]._ticking
        wait_until(lambda: not single_run._of_database[db]._ticking, 5)


def test_renewal_does_not_outlive_the_end_of_a_run(db: Database) -> None:
    with claimed(db, "scan", 0):
        (claim,) = single_run._of_database[db]._claims
    assert claim.renew()
    with claimed(db, "scan", 0) as ours:
        assert ours


def test_run_whose_timer_does_not_start_frees_its_task(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_timer: threading.Timer) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Timer, "start", fail)
        with pytest.raises(RuntimeError), claimed(db, "scan", 0):
            pass
    monkeypatch.setattr(single_run, "_RENEW_EVERY_SEC", 0.05)
    monkeypatch.setattr(single_run, "TTL_SEC", 30.0)
    with claimed(db, "scan", 0) as ours:
        assert ours
        renewals = single_run._of_database[db]
        assert renewals._ticking
        assert any(type(thread) is threading.Timer for thread in threading.enumerate())
