"""The message folder of the embedded broker: a file per message, written and claimed by rename.

Within a file system a rename is atomic, for every process and after a power cut. So no reader sees
half a message, no message is taken twice, and no lock is needed.
"""

from __future__ import annotations

import os
import time
import uuid
from bisect import bisect_right
from collections import deque
from collections.abc import Collection, Iterator
from pathlib import Path

_SUFFIX = ".msg"
# The clock of file systems ticks every 10 ms at worst. A folder that changed within this time may
# change again without a new time stamp.
_SETTLED_NS = 50_000_000
_LIST_AT_LEAST_EVERY_NS = 1_000_000_000
_LIST_AT_MOST_EVERY_NS = 20_000_000


def file_part(name: str) -> str:
    """A queue or exchange name as part of a file name: readable, and without separators."""
    return name.replace("%", "%25").replace("/", "%2F").replace("\0", "%00")


def name_of(part: str) -> str:
    """The queue or exchange name behind a part that `file_part` made."""
    return part.replace("%00", "\0").replace("%2F", "/").replace("%25", "%")


def make_private_folder(folder: Path) -> None:
    """Make a folder and its parent folder, readable for their owner only."""
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.mkdir(exist_ok=True, mode=0o700)


class Spool:
    """Messages waiting in a folder, oldest first for each queue; for a single thread at a time.

    The folder is listed once for all queues, and only when it changed: an idle poll costs a single
    ``stat``. `claimed` must be on the same file system.
    """

    def __init__(self, folder: Path, claimed: Path) -> None:
        self.folder = folder
        self._claimed = claimed
        self._waiting: dict[str, deque[str]] = {}  # file names by queue
        self._order: list[str] = []  # the queues in the order in which they are read
        self._seen_mtime_ns = -1
        self._settled = False
        self._listed_ns = -_LIST_AT_LEAST_EVERY_NS
        # Not made here: `celery report` opens a broker and reads nothing from it.

    def make_folders(self) -> None:
        """Make the folders where they are missing, readable for their owner only."""
        for folder in (self.folder, self._claimed):
            make_private_folder(folder)

    def put(self, queue: str, payload: bytes) -> None:
        """Add a message. Raises OSError, also for a name too long for a file (ENAMETOOLONG)."""
        # The wall clock, not the monotonic clock: the order must hold over a reboot.
        name = f"{time.time_ns():020d}_{uuid.uuid4().hex}.{file_part(queue)}{_SUFFIX}"
        try:
            self._write(name, payload)
        except FileNotFoundError:  # somebody removed the whole folder
            self.make_folders()
            self._write(name, payload)

    def _write(self, name: str, payload: bytes) -> None:
        # Half-written files lie in the folder of claimed files, which no process reads.
        draft = self._claimed / f".{name}"
        try:
            draft.write_bytes(payload)
            draft.rename(self.folder / name)
        except OSError:
            draft.unlink(missing_ok=True)
            raise

    def refresh(self) -> bool:
        """List the folder if it may have changed; returns whether any message waits."""
        age = time.monotonic_ns() - self._listed_ns
        if not self._waiting or age >= _LIST_AT_MOST_EVERY_NS:
            self.list_if_changed()
        return bool(self._waiting)

    def list_if_changed(self) -> None:
        """List the folder, unless it is unchanged since the last listing."""
        now, mtime = time.monotonic_ns(), self._mtime_ns()
        seen = self._settled and mtime == self._seen_mtime_ns
        if not seen or now - self._listed_ns >= _LIST_AT_LEAST_EVERY_NS:
            self._settled = abs(time.time_ns() - mtime) > _SETTLED_NS
            self._seen_mtime_ns = mtime
            self._listed_ns = now
            self._list()

    def _mtime_ns(self) -> int:
        try:
            return self.folder.stat().st_mtime_ns
        except FileNotFoundError:
            self.make_folders()
            return self.folder.stat().st_mtime_ns

    def _list(self) -> None:
        waiting: dict[str, deque[str]] = {}
        # Not iterdir(): thousands of Path objects would cost more than the listing itself.
        for name in sorted(os.listdir(self.folder)):  # noqa: PTH208
            part = _queue_part(name)
            if part is not None:
                waiting.setdefault(part, deque()).append(name)
        self._waiting = {name_of(part): names for part, names in waiting.items()}
        self._order = sorted(self._waiting)

    def has_any(self, queues: Collection[str]) -> bool:
        """Whether any of `queues` had a message at the last listing."""
        few, many = self._waiting.keys(), queues
        if len(queues) < len(few):
            return any(queue in few for queue in queues)
        return any(queue in many for queue in few)

    def in_turn(self, queues: Collection[str], last: str) -> Iterator[str]:
        """Yield the `queues` with messages at the last listing, from the queue after `last` on.

        So each queue gets its turn, and the cost depends on the queues with messages alone.
        """
        order = self._order
        if len(queues) < len(order):
            order = sorted(queue for queue in queues if queue in self._waiting)
        first = bisect_right(order, last)
        for place in range(first, first + len(order)):
            queue = order[place % len(order)]
            if queue in self._waiting and queue in queues:
                yield queue

    def take(self, queue: str) -> bytes | None:
        """Remove the oldest message of `queue` seen at the last listing and return its content."""
        names = self._waiting.get(queue)
        while names:
            payload = self._claim(names.popleft())
            if payload is not None:
                break
        else:
            payload = None
        if names is not None and not names:
            self._waiting.pop(queue, None)
        return payload

    def _claim(self, name: str) -> bytes | None:
        claimed = self._claimed / name
        try:
            (self.folder / name).rename(claimed)
            payload = claimed.read_bytes()
            claimed.unlink()
        except FileNotFoundError:
            return None  # another process was faster, or somebody removed the folder
        return payload

    def count(self, queue: str) -> int:
        """Messages that waited for `queue` at the last listing."""
        return len(self._waiting.get(queue, ()))

    def purge(self, queue: str) -> int:
        """Remove the messages waiting for `queue`; returns how many."""
        part = file_part(queue)
        names = os.listdir(self.folder) if self.folder.is_dir() else []  # noqa: PTH208
        return sum(_remove(self.folder / name) for name in names if _queue_part(name) == part)

    def remove_older(self, age_sec: float) -> int:
        """Remove messages and files of killed processes older than `age_sec`; returns how many."""
        limit = time.time() - age_sec
        removed = 0
        for folder in (self.folder, self._claimed):
            for entry in os.scandir(folder) if folder.is_dir() else ():
                try:
                    if entry.stat().st_mtime < limit:
                        removed += _remove(Path(entry))
                except FileNotFoundError:
                    continue
        return removed


def _queue_part(name: str) -> str | None:
    head, _, rest = name.partition(".")
    return rest[: -len(_SUFFIX)] if head and rest.endswith(_SUFFIX) else None


def _remove(path: Path) -> int:
    try:
        path.unlink()
    except FileNotFoundError:
        return 0
    return 1
