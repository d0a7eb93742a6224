"""A real folder below LocalStore, each call of the system a step of the simulation.

The store's modules get `FolderOs` in place of `os`: between any two of their calls a writer,
another worker or the end of the process may come. Times of files and folders are those of a file
server with a clock of its own.
"""

from __future__ import annotations

import errno
import os
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from easyai.store import renames
from tests.simulation.scheduler import EPOCH, Scheduler

_CALL_SEC = 0.0002
_APART = ("easyai.store.renames", "easyai.store.signing")  # its functions are steps as they are
_CHANGES = ("rename", "replace", "link", "unlink", "remove", "makedirs", "mkdir", "rmdir")
_LOOKS = ("open", "listdir", "utime")
_STATS = ("lstat", "stat", "fstat")


class FileServer:
    """The server of the files: its clock gives them their times."""

    def __init__(self, scheduler: Scheduler, root: str, offset: float, grain: float) -> None:
        self.scheduler = scheduler
        self.root = root
        self.offset = offset  # of its clock
        self.down_until = 0.0
        self.grain = grain  # coarseness of the times it keeps, seconds; 0: none

    def must_be_up(self) -> None:
        """Raise OSError while it does not answer."""
        if self.scheduler.now < self.down_until:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    def now_ns(self) -> int:
        """The time that a file written now gets."""
        now = EPOCH + self.scheduler.now + self.offset
        if self.grain:
            now -= now % self.grain
        return int(now * 1e9)

    def touch_folder(self, *paths: Any) -> None:
        """Give the folders of these paths the time of now, as a change of an entry does."""
        now = self.now_ns()
        for path in paths:
            folder = os.path.dirname(os.fsdecode(path)) if isinstance(path, str | bytes) else ""
            if folder.startswith(self.root) and os.path.isdir(folder):
                os.utime(folder, ns=(now, now))


class _Entries:
    """The result of scandir, in an order that the seed decides."""

    def __init__(self, entries: list[os.DirEntry[str]]) -> None:
        self._entries = iter(entries)

    def __enter__(self) -> _Entries:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[os.DirEntry[str]]:
        return self._entries

    def __next__(self) -> os.DirEntry[str]:
        return next(self._entries)

    def close(self) -> None:
        """Everything was read already."""


class _Status:
    """The result of stat; the time of the last change, which cannot be set, is that of writing."""

    def __init__(self, status: os.stat_result) -> None:
        self._status = status
        self.st_ctime_ns = status.st_mtime_ns
        self.st_ctime = status.st_mtime

    def __getattr__(self, name: str) -> Any:
        return getattr(self._status, name)


def _status_of(call: Callable[..., os.stat_result]) -> Callable[..., _Status]:
    return lambda *args, **kwargs: _Status(call(*args, **kwargs))


class FolderOs:
    """Stands in for the module `os` in the modules of the store."""

    def __init__(self, server: FileServer) -> None:
        self._server = server
        self.path = os.path
        for name in _CHANGES:
            setattr(self, name, self.step(getattr(os, name), changes=True))
        for name in _STATS:
            setattr(self, name, self.step(_status_of(getattr(os, name)), changes=False))
        for name in _LOOKS:
            setattr(self, name, self.step(getattr(os, name), changes=False))

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def step(self, call: Callable[..., Any], *, changes: bool) -> Callable[..., Any]:
        """A call of the system as a step; `changes`: it changes the folders of its paths."""
        server = self._server

        def step(*args: Any, **kwargs: Any) -> Any:
            server.scheduler.point(_CALL_SEC)
            server.must_be_up()
            result = call(*args, **kwargs)
            if changes:
                server.touch_folder(*args)
            return result

        return step

    def access(self, path: Any, mode: int, *, effective_ids: bool = False) -> bool:
        """Whether it may be used; false for a server that does not answer, without an exception."""
        self._server.scheduler.point(_CALL_SEC)
        return self._server.scheduler.now >= self._server.down_until and os.access(
            path, mode, effective_ids=effective_ids
        )

    def scandir(self, path: Any = ".") -> _Entries:
        """The entries of a folder, all at the same moment."""
        self._server.scheduler.point(_CALL_SEC)
        self._server.must_be_up()
        with os.scandir(path) as found:
            entries = sorted(found, key=lambda entry: entry.name)
        random.Random(f"{self._server.scheduler.seed} {len(entries)}").shuffle(entries)
        return _Entries(entries)


@contextmanager
def below(server: FileServer) -> Iterator[None]:
    """Put the file server below the modules of the store."""
    with ExitStack() as stack:
        replacement = FolderOs(server)
        steps = {
            name: replacement.step(getattr(renames, name), changes=True)
            for name in ("rename_noreplace", "rename_to_own")
        }
        for path, module in sorted(sys.modules.items()):
            if not path.startswith("easyai.store.") or path in _APART:
                continue
            if hasattr(module, "os"):
                stack.enter_context(patch.object(module, "os", replacement))
            for name, step in steps.items():
                if hasattr(module, name):
                    stack.enter_context(patch.object(module, name, step))
        yield
