"""Counts how often a folder is opened for listing, by whatever process."""

from __future__ import annotations

import ctypes
import os
import struct
import time
from pathlib import Path
from types import TracebackType

# inotify(7)
_IN_OPEN = 0x20
_IN_ONLYDIR = 0x0100_0000
_IN_ISDIR = 0x4000_0000
_HEADER = struct.Struct("iIII")


class FolderOpens:
    """Watches one folder from `__enter__` on; `count` may be asked at any time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._descriptor = -1
        self._seen: list[float] = []

    def times(self) -> list[float]:
        """When the folder was opened, on the monotonic clock, as read by this call."""
        try:
            events = os.read(self._descriptor, 1 << 16)
        except BlockingIOError:
            return self._seen
        position, now = 0, time.monotonic()
        while position < len(events):
            _, mask, _, length = _HEADER.unpack_from(events, position)
            position += _HEADER.size + length
            # Events of what lies in the folder carry its name.
            if mask & _IN_ISDIR and length == 0:
                self._seen.append(now)
        return self._seen

    def __enter__(self) -> FolderOpens:
        libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        assert self._descriptor >= 0, os.strerror(ctypes.get_errno())
        mask = _IN_OPEN | _IN_ONLYDIR
        watch = libc.inotify_add_watch(self._descriptor, os.fsencode(self._folder), mask)
        assert watch >= 0, os.strerror(ctypes.get_errno())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._descriptor)
