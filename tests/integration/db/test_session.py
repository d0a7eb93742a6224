"""Connections: a single writer at a time, and every outage raises DatabaseUnavailableError."""

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


def test_write_block_that_raises_is_rolled_back(site: Installation) -> None:
    def fail() -> None:
        with site.runtime.db.write() as conn:
            conn.execute(ADD, {"name": "人脸"})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert site.rows("SELECT name FROM task_types") == []


def test_violated_constraint_is_not_reported_as_an_outage(site: Installation) -> None:
    with site.runtime.db.write() as conn:
        conn.execute(ADD, {"name": "人脸"})
    with pytest.raises(IntegrityError), site.runtime.db.write() as conn:
        conn.execute(ADD, {"name": "人脸"})


def test_concurrent_write_transactions_lose_no_update(site: Installation) -> None:
    site.execute("INSERT INTO task_types (name, first_seen) VALUES ('n', 0)")
    databases = [site.runtime.db, site.open().db]

    def count(number: int) -> None:
        with databases[number % 2].dispatching() as conn:
            seen = conn.execute(text("SELECT first_seen FROM task_types")).scalar_one()
            conn.execute(text("UPDATE task_types SET first_seen = :n"), {"n": seen + 1})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count, range(80)))
    assert site.rows("SELECT first_seen FROM task_types") == [{"first_seen": 80.0}]


def test_only_a_transaction_that_need_not_last_waits_for_no_disk(tmp_path: Path) -> None:
    db = Database(f"sqlite:///{tmp_path / 'easyai.db'}")

    def sync(*, lasting: bool) -> int:
        with db.write(lasting=lasting) as conn:
            found: int = conn.exec_driver_sql("PRAGMA synchronous").scalar_one()
            return found

    def fail() -> None:
        with db.write(lasting=False):
            raise ZeroDivisionError

    normal, full = 1, 2
    assert [sync(lasting=True), sync(lasting=False), sync(lasting=True)] == [full, normal, full]
    with pytest.raises(ZeroDivisionError):
        fail()
    assert sync(lasting=True) == full
    db.dispose()


def test_sqlite_locked_beyond_the_busy_timeout_raises_database_unavailable(
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
    with database.read() as conn:  # readers continue
        assert conn.execute(text("SELECT count(*) FROM t")).scalar_one() == 0
    other.close()
    with database.write() as conn:
        conn.execute(text("INSERT INTO t VALUES (1)"))
    database.dispose()


def test_stopped_postgresql_raises_database_unavailable_until_it_returns(
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


def test_committed_rows_survive_a_killed_postgresql(
    postgres_server: PostgresServer, postgres_url: str
) -> None:
    # The settings of this server let commits not wait for the log.
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


def test_killed_database_session_raises_database_unavailable(postgres_url: str) -> None:
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


def test_repeatedly_breaking_connections_raise_database_unavailable(postgres_url: str) -> None:
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


def test_read_only_server_raises_database_unavailable(postgres_url: str) -> None:
    # As after a failover, or with a full disk at a provider.
    database = Database(postgres_url)

    def work() -> None:
        with database.write() as conn:
            conn.execute(text("SET TRANSACTION READ ONLY"))
            conn.execute(text("CREATE TABLE t (n INTEGER)"))

    with pytest.raises(DatabaseUnavailableError, match="read-only"):
        work()
    database.dispose()


def test_idle_transaction_timeout_raises_database_unavailable(postgres_url: str) -> None:
    database = Database(postgres_url)

    def work() -> None:
        with database.write() as conn:
            conn.execute(text("SET LOCAL idle_in_transaction_session_timeout = '50ms'"))
            time.sleep(0.5)
            conn.execute(text("SELECT 1"))

    with pytest.raises(DatabaseUnavailableError):
        work()
    database.dispose()


def test_exhausted_connection_pool_raises_database_unavailable(postgres_url: str) -> None:
    database = Database(postgres_url)
    pool = database.engine.pool
    pool._timeout = 0.1  # type: ignore[attr-defined]
    taken = [database.engine.connect() for _ in range(15)]
    with pytest.raises(DatabaseUnavailableError, match="connection"), database.read():
        pass
    for conn in taken:
        conn.close()
    database.dispose()


def test_database_unavailable_error_hides_statement_parameters(
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


def test_writing_threads_wait_for_each_other_without_polling(tmp_path: Path) -> None:
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
def test_postgresql_url_gets_the_shipped_driver(url: str) -> None:
    assert normalize_url(url) == "postgresql+psycopg://u:p@h/d"


@pytest.mark.parametrize("url", ["mysql://h/d", "what is this", "oracle://h"])
def test_unsupported_database_is_refused_with_the_remedy(url: str) -> None:
    with pytest.raises(SettingsError, match=r"easyai\.database_url.*(SQLite|sqlite)"):
        normalize_url(url)


def test_new_sqlite_file_gives_space_back_step_by_step(tmp_path: Path) -> None:
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


def test_checkpoint_does_not_wait_for_readers(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'a.db'}")
    with database.write() as conn:
        conn.execute(text("CREATE TABLE t (n INTEGER)"))
    with database.read() as reader:
        reader.execute(text("SELECT * FROM t")).all()
        with database.write() as conn:
            conn.execute(text("INSERT INTO t VALUES (1)"))
        began = time.monotonic()
        assert not space.checkpoint(database, 0)
        assert time.monotonic() - began < 2.5  # half of the time that a writer would wait
    assert space.checkpoint(database, 0)
    database.dispose()
