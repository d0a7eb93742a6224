"""The database's clock counts, and is read once per transaction."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import event

from easyai.db import clock
from easyai.db.session import Database, has_waited

HOUR = 3600.0


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    """Each kind of database."""
    opened = Database(migrated_url)
    yield opened
    opened.dispose()


@pytest.fixture
def statements(database: Database) -> Iterator[list[str]]:
    """The statements sent to the database."""
    sent: list[str] = []

    def note(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        sent.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    yield sent
    event.remove(database.engine, "before_cursor_execute", note)


def test_database_clock_agrees_with_this_machine_and_advances(database: Database) -> None:
    with database.read() as conn:
        before = clock.now(conn)
        time.sleep(0.05)
        after = clock.now(conn)
    assert abs(before - time.time()) < 2.0
    assert 0.04 < after - before < 2.0


def test_database_clock_is_read_once_per_transaction(
    database: Database, statements: list[str]
) -> None:
    for _ in range(2):
        with database.write() as conn:
            for _ in range(3):
                clock.now(conn)
    asked = [statement for statement in statements if "clock_timestamp" in statement]
    assert len(asked) == (0 if database.is_sqlite else 2)


def test_dispatching_transaction_reads_the_clock_without_an_extra_statement(
    database: Database, statements: list[str]
) -> None:
    with database.dispatching() as conn:
        clock.now(conn)
    assert len(
        [
            statement
            for statement in statements
            if "BEGIN" not in statement and "PRAGMA" not in statement
        ]
    ) == (0 if database.is_sqlite else 1)


def test_clock_is_read_after_waiting_for_the_dispatch_lock(database: Database) -> None:
    holds, ends = threading.Event(), threading.Event()

    def hold() -> None:
        with database.dispatching():
            holds.set()
            ends.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    assert holds.wait(10)
    threading.Timer(0.3, ends.set).start()
    began = time.time()
    with database.dispatching() as conn:
        moment, waited = clock.now(conn), has_waited(conn)
    thread.join()
    assert moment - began > 0.25
    assert waited is not database.is_sqlite


def test_dispatching_transaction_that_meets_no_other_has_not_waited(database: Database) -> None:
    with database.dispatching() as conn:
        assert not has_waited(conn)


def test_machine_with_a_wrong_clock_uses_the_database_clock(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    truth = time.time
    for off in (HOUR, -HOUR, 0.0):
        monkeypatch.setattr(time, "time", lambda off=off: truth() + off)
        with database.write() as conn:
            moment, offset = clock.now(conn), clock.offset_sec(conn)
        if database.is_sqlite:  # all its processes share this machine and its clock
            assert offset == 0.0
            assert abs(moment - truth() - off) < 2.0
            continue
        assert abs(moment - truth()) < 2.0
        assert abs(offset - off) < 2.0
        assert abs(clock.estimate(database.engine) - truth()) < 2.0


def test_slow_answer_is_not_taken_for_a_clock_offset(database: Database) -> None:
    def dawdle(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        if "clock_timestamp" in statement:
            time.sleep(0.3)

    for before in ("before_cursor_execute", "after_cursor_execute"):
        event.listen(database.engine, before, dawdle)
        with database.read() as conn:
            assert abs(clock.offset_sec(conn)) < 0.1
        event.remove(database.engine, before, dawdle)


def test_clock_of_this_machine_is_used_before_the_first_answer(database: Database) -> None:
    fresh = Database(database.url)
    assert clock.known_offset_sec(fresh.engine) == (0.0 if database.is_sqlite else None)
    assert abs(clock.estimate(fresh.engine) - time.time()) < 1.0
    fresh.dispose()
