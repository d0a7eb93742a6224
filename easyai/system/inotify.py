"""The kernel's word of changes in folders: inotify(7) of Linux, through the C library."""

from __future__ import annotations

import ctypes
import os
import select
import struct
import sys
from collections.abc import Iterator
from typing import Final, NamedTuple

CLOSE_WRITE: Final = 0x8
MOVED_TO: Final = 0x80
CREATE: Final = 0x100
MOVE_SELF: Final = 0x800
OVERFLOW: Final = 0x4000  # the kernel dropped events, because they were not read in time
IGNORED: Final = 0x8000  # a watch has ended: its folder was removed, or its disk unmounted
ONLY_FOLDERS: Final = 0x0100_0000
NO_LINKS: Final = 0x0200_0000
IS_FOLDER: Final = 0x4000_0000
_HEAD: Final = struct.Struct("iIII")  # watch, mask, cookie, length of the name
_BUFFER_BYTES: Final = 262_144


class Event(NamedTuple):
    """A change in a watched folder."""

    watch: int  # -1 for OVERFLOW
    mask: int
    name: bytes  # in the folder; b"" for the folder itself


class Inotify:
    """A queue of events in the kernel; for a single thread, only `close` may come from another."""

    def __init__(self) -> None:
        """Raises OSError: EMFILE when the user has fs.inotify.max_user_instances queues."""
        if sys.platform != "linux":
            raise OSError(0, "this system has no inotify")
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = self._checked(self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
        self._poll = select.poll()
        self._poll.register(self._descriptor, select.POLLIN)

    def add(self, path: str, mask: int) -> int:
        """Watch a path; returns the number of its watch, the same for the same folder.

        Raises OSError: ENOSPC when the user has fs.inotify.max_user_watches watches.
        """
        return self._checked(
            self._libc.inotify_add_watch(self._descriptor, os.fsencode(path), mask)
        )

    def remove(self, watch: int) -> None:
        """End a watch, which may have ended by itself."""
        self._libc.inotify_rm_watch(self._descriptor, watch)

    def wait(self, timeout_sec: float) -> bool:
        """Whether events wait, at the latest after `timeout_sec`."""
        return bool(self._poll.poll(max(0.0, timeout_sec) * 1000))

    def read(self) -> Iterator[Event]:
        """The events that wait now."""
        try:
            content = os.read(self._descriptor, _BUFFER_BYTES)
        except BlockingIOError:
            return
        place = 0
        while place < len(content):
            watch, mask, _, length = _HEAD.unpack_from(content, place)
            place += _HEAD.size
            yield Event(watch, mask, content[place : place + length].rstrip(b"\0"))
            place += length

    def close(self) -> None:
        """End all watches."""
        os.close(self._descriptor)

    def _checked(self, result: int) -> int:
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return result
