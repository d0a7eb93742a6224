"""The guard: a single process at a time writes or checkpoints an SQLite file."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from easyai.db import engines, guard, space
from easyai.db.guard import WriteGuard, has_wal_reset_race
from easyai.db.session import Database
from easyai.errors import DatabaseUnavailableError
from tests.support.database_writer import prepare, write_side_by_side, writer
from tests.support.part_process import clean_environment

_HOLD = """
import fcntl, os, sys
file = os.open(sys.argv[1], os.O_RDONLY | os.O_CREAT)
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""
# Holds the guard, forks a child that lives on, and dies without releasing the guard.
_FORK = """
import os, sys, time
from easyai.db.session import Database
database = Database(sys.argv[1])
with database.write():
    child = os.fork()
    if not child:
        time.sleep(60)
    print(child, flush=True)
    os._exit(1)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.db"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    database = prepare(path)
    yield database
    database.dispose()


def _python(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *arguments],
        env=clean_environment({}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@contextmanager
def _held_by_another_process(path: Path) -> Iterator[None]:
    with _python("-c", _HOLD, f"{path}{guard.GUARD}") as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        try:
            yield
        finally:
            holder.kill()


_RELEASES = [
    ((3, 6, 23), False),
    ((3, 7, 0), True),
    ((3, 40, 1), True),
    ((3, 44, 5), True),
    ((3, 44, 6), False),
    ((3, 46, 1), True),
    ((3, 50, 6), True),
    ((3, 50, 7), False),
    ((3, 51, 2), True),
    ((3, 51, 3), False),
    ((3, 53, 4), False),
]


def test_sqlite_releases_with_the_wal_reset_race_are_recognized(subtests: pytest.Subtests) -> None:
    for version, affected in _RELEASES:
        with subtests.test(version=version, affected=affected):
            assert has_wal_reset_race(version) is affected


def _write(database: Database) -> None:
    with database.write() as conn:
        conn.execute(text("INSERT INTO sums VALUES ('w', 1)"))


def _configure_a_new_file(database: Database) -> None:
    path = space.file_of(database)
    assert path
    database.dispose()
    for name in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
        name.unlink(missing_ok=True)
    with database.read():
        pass


@pytest.mark.parametrize(
    "work",
    [
        _write,
        lambda database: space.checkpoint(database, 0),
        lambda database: space.checkpoint(database, 1 << 40),
        lambda database: space.shrink(database, 0),
        space.compact,
        space.optimize,
        _configure_a_new_file,
    ],
    ids=["write", "truncate", "passive", "shrink", "compact", "optimize", "configure"],
)
def test_every_write_and_checkpoint_waits_for_the_guard(
    path: Path, database: Database, work: Callable[[Database], None]
) -> None:
    with database.write() as conn:  # free pages to give back
        conn.execute(text("CREATE TABLE large AS SELECT zeroblob(1000000) AS x"))
    with database.write() as conn:
        conn.execute(text("DROP TABLE large"))
    thread = threading.Thread(target=work, args=[database])
    with _held_by_another_process(path):
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
    thread.join(10)
    assert not thread.is_alive()


def test_readers_continue_without_writing_while_the_guard_is_held(
    path: Path, database: Database
) -> None:
    _write(database)
    files = [path, path.with_name(f"{path.name}-wal")]
    before = [file.read_bytes() for file in files]
    with _held_by_another_process(path):
        for _ in range(20):  # open and close a connection that is not the last of the file
            reader = Database(database.url)
            with reader.read() as conn:
                assert conn.execute(text("SELECT count(*) FROM sums")).scalar_one() == 1
            reader.dispose()
        assert [file.read_bytes() for file in files] == before


def test_read_transaction_cannot_write(database: Database) -> None:
    with pytest.raises(RuntimeError, match="has written"), database.read() as conn:
        conn.execute(text("INSERT INTO sums VALUES ('w', 1)"))
    with database.read() as conn:
        assert conn.execute(text("SELECT count(*) FROM sums")).scalar_one() == 0


def test_guard_held_too_long_raises_database_unavailable(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "BUSY_TIMEOUT_SEC", 0.2)
    database = prepare(path)
    with (
        _held_by_another_process(path),
        pytest.raises(DatabaseUnavailableError, match=r"locked.*a\.db-guard"),
        database.write(),
    ):
        pass
    _write(database)
    database.dispose()


def test_guard_that_cannot_be_made_raises_database_unavailable(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'gone' / 'a.db'}")
    with (
        pytest.raises(DatabaseUnavailableError, match="local disk and writable"),
        database.write(),
    ):
        pass
    database.dispose()


def test_guard_still_excludes_writers_after_its_file_was_removed(
    path: Path, database: Database
) -> None:
    other = Database(f"sqlite:///{path}")
    _write(database)
    for suffix in (guard.GUARD, guard.QUEUE):
        Path(f"{path}{suffix}").unlink()
    thread = threading.Thread(target=space.checkpoint, args=[database, 0])
    with other.write():
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
    thread.join(10)
    assert not thread.is_alive()
    other.dispose()


def test_symbolic_link_to_a_database_shares_its_guard(path: Path, database: Database) -> None:
    link = path.with_name("link.db")
    link.symlink_to(path)
    linked = Database(f"sqlite:///{link}")
    thread = threading.Thread(target=space.checkpoint, args=[linked, 0])
    with database.write():
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
    thread.join(10)
    linked.dispose()


def test_guard_of_a_killed_parent_is_not_kept_by_its_forked_child(
    path: Path, database: Database
) -> None:
    with _python("-c", _FORK, database.url) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        try:
            assert parent.wait(10) == 1
            began = time.monotonic()
            _write(database)
            assert time.monotonic() - began < 3
        finally:
            os.kill(child, signal.SIGKILL)


def test_constantly_writing_process_lets_others_write(path: Path, database: Database) -> None:
    with writer(path, "busy", 60, "busy") as busy:
        assert busy.stdout
        assert busy.stdout.readline()
        waits = []
        for _ in range(30):
            began = time.monotonic()
            with database.write() as conn:
                conn.execute(text("UPDATE sums SET count = count WHERE writer = 'w'"))
            waits.append(time.monotonic() - began)
            time.sleep(0.02)
        busy.kill()
    # Without the queue: 85 ms at the median, up to a second.
    assert statistics.median(waits) < 0.04, waits


def test_writers_and_checkpoints_of_many_processes_lose_no_rows(path: Path) -> None:
    write_side_by_side(path, seconds=4)


def test_thread_that_goes_first_waits_for_a_single_thread_of_its_process(path: Path) -> None:
    guard = WriteGuard(str(path), 5.0)
    order: list[str] = []

    def write(name: str) -> None:
        with guard.held(first=name == "first"):
            order.append(name)
            time.sleep(0.01)

    with ThreadPoolExecutor(9) as pool, guard.held():
        for number in range(8):
            pool.submit(write, f"other {number}")
        time.sleep(0.2)
        pool.submit(write, "first")
        time.sleep(0.2)
    assert len(order) == 9
    assert order.index("first") <= 1
    guard.close()


def test_thread_that_goes_first_may_ask_again_while_others_wait(path: Path) -> None:
    guard = WriteGuard(str(path), 5.0)

    def write() -> None:
        with guard.held():
            pass

    with ThreadPoolExecutor(1) as pool:
        with guard.held(first=True):
            other = pool.submit(write)
            time.sleep(0.1)
            write()
            assert not other.done()
        other.result(5)
    guard.close()
