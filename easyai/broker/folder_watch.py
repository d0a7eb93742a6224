"""Waits until a file arrives in a folder, without looking all the time."""

from __future__ import annotations

import ctypes
import os
import select
import sys
import time
from pathlib import Path

# inotify(7)
_IN_MOVED_TO = 0x80
_IN_ONLYDIR = 0x0100_0000
_BUFFER_BYTES = 65_536

WATCHED_POLL_SEC = 0.5
UNWATCHED_POLL_SEC = 0.02


class FolderWatch:
    """Ends a wait when a file is renamed into a folder; for a single thread at a time.

    Where the kernel cannot watch (not Linux, no watches left), `poll_sec` is short. Elsewhere it
    limits a wait for files that the kernel does not see: another machine may put a file into a
    folder on NFS.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = self._open()
        self.poll_sec = UNWATCHED_POLL_SEC if self._descriptor < 0 else WATCHED_POLL_SEC

    def _open(self) -> int:
        if sys.platform != "linux":
            return -1
        descriptor = int(self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
        if descriptor >= 0 and not self._watch(descriptor):
            os.close(descriptor)
            return -1
        return descriptor

    def _watch(self, descriptor: int) -> bool:
        mask = _IN_MOVED_TO | _IN_ONLYDIR
        watch = self._libc.inotify_add_watch(descriptor, os.fsencode(self._folder), mask)
        return bool(watch >= 0)

    def renew(self) -> None:
        """Watch the present folder, in case it was removed and made again."""
        if self._descriptor >= 0:
            self._watch(self._descriptor)

    def wait(self, timeout_sec: float) -> None:
        """Return when a file has arrived since the last wait, or after `timeout_sec`."""
        if self._descriptor < 0:
            time.sleep(timeout_sec)
            return
        readable, _, _ = select.select([self._descriptor], [], [], timeout_sec)
        if readable:
            os.read(self._descriptor, _BUFFER_BYTES)

    def close(self) -> None:
        """Stop watching."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)
