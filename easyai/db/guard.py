"""A lock that lets a single process of a machine write an SQLite file at a time.

SQLite 3.7.0 to 3.51.2 has the "WAL-reset" race (https://sqlite.org/wal.html): a checkpoint that
starts while another connection's commit restarts the write-ahead log may leave out a part of later
commits. So every process that writes, checkpoints or rewrites the file holds this guard. Readers
never hold it. Reasons and figures: docs/decisions/0007-sqlite-wal-guard.md.
"""

from __future__ import annotations

import errno
import fcntl
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Final

from easyai.domain.reason import Reason
from easyai.errors import DatabaseUnavailableError
from easyai.system.modes import opener

#: The codes of errors that the causes of a standstill look for.
HELD: Final = "database.guard_held"
NO_SPACE: Final = "database.guard_no_room"
GUARD: Final = "-guard"  # appended to the name of the database
QUEUE: Final = "-queue"
# The pause between two attempts to take a lock is a tenth of the wait so far, within these limits.
_SHORTEST_SEC, _LONGEST_SEC = 0.0001, 0.001
_FIRST_AFFECTED: Final = (3, 7, 0)
_FIXED: Final = (3, 51, 3)
_FIXED_BRANCHES: Final = ((3, 44, 6), (3, 50, 7))  # the fix was backported to these releases


def has_wal_reset_race(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> bool:
    """Whether this release of SQLite can lose commits when a write meets a checkpoint."""
    if not _FIRST_AFFECTED <= version < _FIXED:
        return False
    return not any(version[:2] == fixed[:2] and version >= fixed for fixed in _FIXED_BRANCHES)


class WriteGuard:
    """Lets a single thread write an SQLite file; safe between threads and after a fork.

    Threads of this process queue on a lock of ours, processes on flock(2) of two files beside the
    database. A process that waits for the guard holds the queue meanwhile. So a process that writes
    all the time, and takes the guard again at once, lets the first process in the queue go first.

    Without a path (a database in memory) only threads exclude each other.
    """

    def __init__(self, database: str | None, limit_sec: float) -> None:
        # SQLite follows links to find its log, so all names of a file must have the same guard.
        path = Path(database).resolve() if database else None
        self._files = [_LockFile(path, suffix) for suffix in (QUEUE, GUARD)] if path else []
        self._limit_sec = limit_sec
        self._new_locks()
        _guards.add(self)

    def _new_locks(self) -> None:
        self._threads, self._turns = threading.RLock(), threading.Lock()
        self._holder: int | None = None  # a thread
        self._depth = 0

    @contextmanager
    def held(self, *, first: bool = False) -> Iterator[None]:
        """Hold the guard; a thread that already holds the guard continues at once.

        A thread with `first` waits for a single other thread of this process at most.

        Raises DatabaseUnavailableError when other processes hold the guard for longer than the
        limit, or when its files cannot be created or locked.
        """
        own = threading.get_ident()
        # Threads without `first` take turns to ask for the lock. The holder asks again for neither.
        turn = nullcontext() if first or self._holder == own else self._turns
        with turn, self._threads:
            if self._files and self._depth == 0:
                self._lock(*self._files)
            self._holder, self._depth = own, self._depth + 1
            try:
                yield
            finally:
                self._depth -= 1
                if self._depth == 0:
                    self._holder = None
                    if self._files:
                        self._files[-1].unlock()

    def close(self) -> None:
        """Close the files; the next use opens them again."""
        with self._threads:
            for file in self._files if self._depth == 0 else ():
                file.close()

    def _lock(self, queue: _LockFile, guard: _LockFile) -> None:
        limit = time.monotonic() + self._limit_sec
        queue.lock(limit)
        try:
            guard.lock(limit)
        finally:
            queue.unlock()

    def _after_fork(self) -> None:
        """Leave the guard to the parent: a lock lasts as long as any copy of its open file."""
        self._new_locks()
        for file in self._files:
            file.close()


class _LockFile:
    """An exclusive lock between processes; not safe between threads."""

    def __init__(self, database: Path, suffix: str) -> None:
        self._database = database
        self._path = f"{database}{suffix}"
        self._place = Path(self._path)
        self._file: int | None = None

    def lock(self, limit: float) -> None:
        """Take the lock; raises DatabaseUnavailableError after `limit` of the monotonic clock."""
        began = time.monotonic()
        try:
            while not self._try_lock():
                now = time.monotonic()
                if now >= limit:
                    raise DatabaseUnavailableError(
                        Reason.of(HELD, held_sec=now - began, path=self._path)
                    )
                time.sleep(min(max((now - began) / 10, _SHORTEST_SEC), _LONGEST_SEC))
        except PermissionError as error:
            raise DatabaseUnavailableError(
                Reason.of("database.guard_forbidden", path=self._path)
            ) from error
        except OSError as error:
            code = NO_SPACE if error.errno == errno.ENOSPC else "database.guard_unusable"
            raise DatabaseUnavailableError(
                Reason.of(code, path=self._path, error=error.strerror)
            ) from error

    def unlock(self) -> None:
        """Give the lock back."""
        if self._file is not None:
            # Closing is not enough: a child between fork and exec may have the file open, too.
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _try_lock(self) -> bool:
        if self._file is None:
            # A lock needs only read access, so the file may belong to another user.
            self._file = opener(self._path, os.O_RDONLY | os.O_CREAT)
            self._give_to_owner(self._file)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        if self._is_in_place(self._file):
            return True
        self.close()  # the file was removed: other processes now lock a new file
        return False

    def _give_to_owner(self, file: int) -> None:
        """Give a file that root created to the database's owner, as SQLite does with its log."""
        if os.geteuid() != 0:
            return
        with suppress(OSError):
            owner = self._database.stat()
            if os.fstat(file).st_uid == 0 != owner.st_uid:
                os.fchown(file, owner.st_uid, owner.st_gid)

    def _is_in_place(self, file: int) -> bool:
        try:
            return os.path.samestat(os.fstat(file), self._place.stat())
        except FileNotFoundError:
            return False


def _after_fork() -> None:
    for guard in list(_guards):
        guard._after_fork()


_guards: weakref.WeakSet[WriteGuard] = weakref.WeakSet()
os.register_at_fork(after_in_child=_after_fork)
