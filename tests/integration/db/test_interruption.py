"""An interruption ends what a thread reads, and nothing else."""

from __future__ import annotations

import threading
import time

import pytest
from sqlalchemy import text

from easyai.db.interruption import Interruption
from easyai.db.session import Database
from easyai.errors import DatabaseUnavailableError
from tests.support.waiting import wait_until

LONG = {
    True: "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000)"
    " SELECT count(*) FROM n",
    False: "SELECT pg_sleep(60)",
}
SOME_TIME = {
    True: LONG[True].replace("1000000000", "1000000"),
    False: "SELECT pg_sleep(0.3)",
}


@pytest.fixture
def db(migrated_url: str) -> Database:
    """A database of each kind."""
    return Database(migrated_url)


def _one(db: Database) -> int:
    with db.read() as conn:
        return int(conn.execute(text("SELECT 1")).scalar_one())


def test_query_of_the_thread_ends(db: Database) -> None:
    interruption, begun = Interruption(), threading.Event()
    ended: list[float] = []

    def read() -> None:
        with db.interruptible(interruption), db.read() as conn:
            begun.set()
            conn.execute(text(LONG[db.is_sqlite]))

    def read_in_vain() -> None:
        with pytest.raises(DatabaseUnavailableError):
            read()
        ended.append(time.monotonic())

    thread = threading.Thread(target=read_in_vain)
    thread.start()
    begun.wait(10)
    asked = time.monotonic()
    while thread.is_alive() and time.monotonic() < asked + 20:
        interruption.end()  # again, if the query had not begun
        thread.join(0.1)

    assert ended
    assert ended[0] - asked < 5
    assert [_one(db) for _ in range(20)] == [1] * 20  # every connection of the pool works
    db.dispose()


def test_later_readings_of_the_thread_are_refused(db: Database) -> None:
    interruption = Interruption()
    with db.interruptible(interruption):
        assert _one(db) == 1
        interruption.end()
        with pytest.raises(DatabaseUnavailableError, match="wanted no more"):
            _one(db)
    assert _one(db) == 1
    db.dispose()


def test_reading_that_got_the_connection_afterwards_is_not_ended(db: Database) -> None:
    interruption, stop = Interruption(), threading.Event()

    def end_again_and_again() -> None:
        while not stop.wait(0.01):
            interruption.end()

    with db.read() as conn:
        with interruption.covers(conn):
            conn.execute(text("SELECT 1"))
        other = threading.Thread(target=end_again_and_again)
        other.start()
        try:
            conn.execute(text(SOME_TIME[db.is_sqlite])).one()
        finally:
            stop.set()
            other.join(10)
    db.dispose()


def test_connection_of_an_ended_reading_is_closed_on_a_server(db: Database) -> None:
    interruption, drivers = Interruption(), []

    def read() -> None:
        with db.read() as conn, interruption.covers(conn):
            drivers.append(conn.connection.driver_connection)
            conn.execute(text("SELECT 1"))
            interruption.end()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        read()
    # A pooler may end the query of this connection later.
    assert getattr(drivers[0], "closed", False) == (not db.is_sqlite)
    db.dispose()


def test_readings_of_other_threads_and_later_readings_go_on(db: Database) -> None:
    interruption = Interruption()
    answers: list[int] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            answers.append(_one(db))

    other = threading.Thread(target=read)
    other.start()
    with db.interruptible(interruption):
        _one(db)
    for _ in range(50):
        interruption.end()
    wait_until(lambda: len(answers) > 50, 10, "the other thread reads")
    stop.set()
    other.join(10)

    assert set(answers) == {1}
    db.dispose()
