"""The control folder of the embedded broker: the bindings and owners of queues.

A queue of a single process (a worker's control mailbox, Flower's events) has an owner: the process
holds a lock that the kernel drops when it dies. So the queue of a killed process differs from the
queue of a sleeping process, whatever the clock does.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from easyai.broker.spool import file_part, make_private_folder, name_of

log = logging.getLogger(__name__)

_TABLE = ".exchange"
_OWNER = ".owner"
# The clock of file systems ticks every 10 ms at worst. A file that changed within this time may
# change again and look the same.
_SETTLED_NS = 50_000_000
_Signature = tuple[int, int, int]


class Binding(NamedTuple):
    """A row of an exchange's table, in kombu's order of fields."""

    routing_key: str
    pattern: str
    queue: str


class Bindings:
    """Exchange tables and owners in a folder that processes share; safe between threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # The last reading of each exchange's file; there are only a few exchanges.
        self._read: dict[str, tuple[_Signature, tuple[Binding, ...]]] = {}

    def table(self, exchange: str) -> tuple[Binding, ...]:
        """The bindings of an exchange; a table that a power cut damaged counts as empty.

        The file is read again only when it has changed.
        """
        path = self._table_path(exchange)
        signature = _signature(path)
        if signature is None:
            self._read.pop(exchange, None)
            return ()
        known = self._read.get(exchange)
        if known is not None and known[0] == signature:
            return known[1]
        rows = self._parse(path)
        if abs(time.time_ns() - signature[1]) > _SETTLED_NS:
            self._read[exchange] = signature, rows
        return rows

    def _parse(self, path: Path) -> tuple[Binding, ...]:
        try:
            return tuple(Binding(*row) for row in json.loads(path.read_bytes()))
        except FileNotFoundError:
            return ()
        except (ValueError, TypeError) as error:
            # Every live process binds its queues again within seconds.
            log.warning("broker: table %s is damaged and is made anew: %s", path.name, error)
            path.unlink(missing_ok=True)
            return ()

    def bind(self, exchange: str, binding: Binding) -> None:
        """Add a binding where it is missing."""
        if binding in self.table(exchange):
            return
        with self._locked():
            rows = self.table(exchange)
            if binding not in rows:
                self._write(self._table_path(exchange), [binding, *rows])

    def unbind(self, exchange: str, binding: Binding) -> None:
        """Remove a binding where it is there."""
        if binding not in self.table(exchange):
            return
        with self._locked():
            rows = self.table(exchange)
            if binding in rows:
                self._write(self._table_path(exchange), [row for row in rows if row != binding])

    def own(self, queue: str) -> int:
        """Become an owner of `queue`, until the returned descriptor is closed or we die."""
        path = self._owner_path(queue)
        while True:
            make_private_folder(self._folder)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            if _is_file(descriptor, path):
                return descriptor
            os.close(descriptor)  # `bury` of another process removed the file before our lock

    def is_owned_through(self, queue: str, descriptor: int) -> bool:
        """Whether a descriptor from `own` is still valid: false when the folder was removed."""
        return _is_file(descriptor, self._owner_path(queue))

    def bury(self, queue: str) -> bool:
        """Forget `queue` and its bindings if it has no owner any more; returns whether it did."""
        path = self._owner_path(queue)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._remove_bindings(queue)
            path.unlink(missing_ok=True)
        except BlockingIOError:
            return False
        finally:
            os.close(descriptor)
        return True

    def bury_dead(self) -> list[str]:
        """Forget the queues whose owners died; returns their names."""
        paths = self._folder.glob(f"*{_OWNER}")
        queues = [name_of(path.name.removesuffix(_OWNER)) for path in paths]
        return [queue for queue in queues if self.bury(queue)]

    def _remove_bindings(self, queue: str) -> None:
        with self._locked():
            for path in self._folder.glob(f"*{_TABLE}"):
                rows = self.table(name_of(path.name.removesuffix(_TABLE)))
                left = [row for row in rows if row.queue != queue]
                if len(left) != len(rows):
                    self._write(path, left)

    def _table_path(self, exchange: str) -> Path:
        return self._folder / f"{file_part(exchange)}{_TABLE}"

    def _owner_path(self, queue: str) -> Path:
        return self._folder / f"{file_part(queue)}{_OWNER}"

    def _write(self, path: Path, rows: Sequence[Binding]) -> None:
        draft = path.with_name(f".{path.name}.new")
        draft.write_text(json.dumps(rows), encoding="utf-8")
        draft.rename(path)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        make_private_folder(self._folder)
        descriptor = os.open(self._folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _signature(path: Path) -> _Signature | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def _is_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
