"""Connections: one writer at a time, and every way a database is away is DatabaseUnavailable."""

from __future__ import annotations

import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import IntegrityError

from easyai.db import engines, space
from easyai.db.engines import normalize_url
from easyai.db.session import Database
from easyai.errors import DatabaseUnavailableError, SettingsError
from tests.support.services import PostgresServer
from tests.support.site import Installation

ADD = text("INSERT INTO task_types (name, first_seen) VALUES (:name, 0)")


def test_a_block_that_raises_leaves_nothing_behind(site: Installation) -> None:
    def fail() -> None:
        with site.runtime.db.write() as conn:
            conn.execute(ADD, {"name": "人脸"})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert site.rows("SELECT name FROM task_types") == []


def test_a_violated_constraint_is_not_an_outage(site: Installation) -> None:
    with site.runtime.db.write() as conn:
        conn.execute(ADD, {"name": "人脸"})
    with pytest.raises(IntegrityError), site.runtime.db.write() as conn:
        conn.execute(ADD, {"name": "人脸"})


def test_counting_in_write_transactions_loses_no_step(site: Installation) -> None:
    site.execute("INSERT INTO task_types (name, first_seen) VALUES ('n', 0)")
    databases = [site.runtime.db, site.open().db]

    def count(number: int) -> None:
        with databases[number % 2].dispatching() as conn:
            seen = conn.execute(text("SELECT first_seen FROM task_types")).scalar_one()
            conn.execute(text("UPDATE task_types SET first_seen = :n"), {"n": seen + 1})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count, range(80)))
    assert site.rows("SELECT first_seen FROM task_types") == [{"first_seen": 80.0}]


def test_sqlite_locked_beyond_the_busy_timeout_is_an_outage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "BUSY_TIMEOUT_SEC", 0.2)
    database = Database(f"sqlite:///{tmp_path / 'a.db'}")
    with database.write() as conn:
        conn.execute(text("CREATE TABLE t (n INTEGER)"))
    other = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseUnavailableError, match="locked"), database.write():
        pass
    with database.read() as conn:  # readers go on
        assert conn.execute(text("SELECT count(*) FROM t")).scalar_one() == 0
    other.close()
    with database.write() as conn:
        conn.execute(text("INSERT INTO t VALUES (1)"))
    database.dispose()


def test_a_stopped_postgresql_is_an_outage_and_heals(
    postgres_server: PostgresServer, postgres_url: str
) -> None:
    database = Database(postgres_url)
    with database.read() as conn:
        conn.execute(text("SELECT 1"))
    postgres_server.stop()
    with pytest.raises(DatabaseUnavailableError), database.read() as conn:
        conn.execute(text("SELECT 1"))
    postgres_server.start()
    with database.read() as conn:
        assert conn.execute(text("SELECT 1")).scalar_one() == 1
    database.dispose()


def test_what_is_committed_outlives_a_killed_postgresql(
    postgres_server: PostgresServer, postgres_url: str
) -> None:
    # The server is one whose commits do not wait for its log, by its own settings.
    db = Database(postgres_url)
    with db.write() as conn:
        conn.execute(text("CREATE TABLE numbers (n INTEGER)"))
    for round_number in range(3):
        for number in range(20):
            with db.write() as conn:
                conn.execute(text("INSERT INTO numbers VALUES (:n)"), {"n": number})
        postgres_server.kill()
        postgres_server.start()
        with pytest.raises(DatabaseUnavailableError), db.read() as conn:
            conn.execute(text("SELECT 1"))
        with db.read() as conn:
            count = conn.execute(text("SELECT count(*) FROM numbers")).scalar()
        assert count == 20 * (round_number + 1)
    db.dispose()


def test_a_killed_session_in_a_transaction_is_an_outage(postgres_url: str) -> None:
    database, other = Database(postgres_url), Database(postgres_url)

    def work() -> None:
        with database.write() as conn:
            pid = conn.execute(text("SELECT pg_backend_pid()")).scalar_one()
            with other.write() as killer:
                killer.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
            conn.execute(text("SELECT 1"))

    with pytest.raises(DatabaseUnavailableError):
        work()
    database.dispose()
    other.dispose()


def test_connections_that_break_as_often_as_they_are_made_are_an_outage(postgres_url: str) -> None:
    database, other = Database(postgres_url), Database(postgres_url)

    def kill(connection: Any, _record: Any) -> None:
        with other.write() as killer:
            pid = {"pid": connection.info.backend_pid}
            killer.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), pid)

    event.listen(database.engine, "connect", kill)
    with pytest.raises(DatabaseUnavailableError), database.read() as conn:
        conn.execute(text("SELECT 1"))
    event.remove(database.engine, "connect", kill)
    with database.read() as conn:
        assert conn.execute(text("SELECT 1")).scalar_one() == 1
    database.dispose()
    other.dispose()


def test_a_server_that_takes_no_writes_for_a_while_is_an_outage(postgres_url: str) -> None:
    # After a switch to another machine, or with a full disk where a provider looks after it.
    database = Database(postgres_url)

    def work() -> None:
        with database.write() as conn:
            conn.execute(text("SET TRANSACTION READ ONLY"))
            conn.execute(text("CREATE TABLE t (n INTEGER)"))

    with pytest.raises(DatabaseUnavailableError, match="read-only"):
        work()
    database.dispose()


def test_a_transaction_that_stood_still_for_too_long_is_an_outage(postgres_url: str) -> None:
    database = Database(postgres_url)

    def work() -> None:
        with database.write() as conn:
            conn.execute(text("SET LOCAL idle_in_transaction_session_timeout = '50ms'"))
            time.sleep(0.5)
            conn.execute(text("SELECT 1"))

    with pytest.raises(DatabaseUnavailableError):
        work()
    database.dispose()


def test_no_free_connection_is_an_outage(postgres_url: str) -> None:
    database = Database(postgres_url)
    pool = database.engine.pool
    pool._timeout = 0.1  # type: ignore[attr-defined]
    taken = [database.engine.connect() for _ in range(15)]
    with pytest.raises(DatabaseUnavailableError, match="connection"), database.read():
        pass
    for conn in taken:
        conn.close()
    database.dispose()


def test_an_outage_tells_no_parameters_of_the_statement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "BUSY_TIMEOUT_SEC", 0.05)
    path = tmp_path / "a.db"
    database = Database(f"sqlite:///{path}")
    with database.write() as conn:
        conn.execute(text("CREATE TABLE t (n TEXT)"))
    other = sqlite3.connect(path, isolation_level=None)

    def work() -> None:
        with database.read() as conn:
            other.execute("BEGIN IMMEDIATE")
            conn.execute(text("INSERT INTO t VALUES (:secret)"), {"secret": "hunter2"})

    with pytest.raises(DatabaseUnavailableError) as caught:
        work()
    assert "hunter2" not in str(caught.value)
    other.close()
    database.dispose()


def test_threads_of_a_process_wait_for_each_other_without_polling(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'a.db'}")
    entered, go = threading.Event(), threading.Event()

    def hold() -> None:
        with database.write():
            entered.set()
            go.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    assert entered.wait(10)
    waited = []

    def wait() -> None:
        began = time.thread_time()
        with database.write():
            waited.append(time.thread_time() - began)

    waiter = threading.Thread(target=wait)
    waiter.start()
    waiter.join(0.2)
    assert waiter.is_alive()
    go.set()
    waiter.join(10)
    holder.join(10)
    assert len(waited) == 1
    database.dispose()


@pytest.mark.parametrize("url", ["postgres://u:p@h/d", "postgresql://u:p@h/d"])
def test_postgresql_gets_the_driver_that_is_shipped(url: str) -> None:
    assert normalize_url(url) == "postgresql+psycopg://u:p@h/d"


@pytest.mark.parametrize("url", ["mysql://h/d", "what is this", "oracle://h"])
def test_another_database_is_refused_by_name_with_the_remedy(url: str) -> None:
    with pytest.raises(SettingsError, match=r"easyai\.database_url.*(SQLite|sqlite)"):
        normalize_url(url)


def test_a_new_file_can_give_space_back_and_does_so_step_by_step(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'a.db'}")
    with database.write() as conn:
        conn.execute(text("CREATE TABLE t (x BLOB)"))
        for _ in range(100):
            conn.execute(text("INSERT INTO t VALUES (zeroblob(100000))"))
    with database.write() as conn:
        conn.execute(text("DELETE FROM t WHERE rowid > 1"))
    full = space.space(database)
    assert full.shrinks
    steps = []
    while step := space.shrink(database, 100_000):
        steps.append(step)
    assert 500 * 4096 <= max(steps) <= 501 * 4096
    assert space.space(database).size == full.size - sum(steps)
    assert space.space(database).free <= 100_000
    assert space.checkpoint(database, 0)
    assert (tmp_path / "a.db").stat().st_size == full.size - sum(steps)
    assert (tmp_path / "a.db-wal").stat().st_size == 0
    database.dispose()


def test_a_checkpoint_does_not_wait_for_readers(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'a.db'}")
    with database.write() as conn:
        conn.execute(text("CREATE TABLE t (n INTEGER)"))
    with database.read() as reader:
        reader.execute(text("SELECT * FROM t")).all()
        with database.write() as conn:
            conn.execute(text("INSERT INTO t VALUES (1)"))
        began = time.monotonic()
        assert not space.checkpoint(database, 0)
        assert time.monotonic() - began < 2.5  # half of what a writer would wait
    assert space.checkpoint(database, 0)
    database.dispose()
