"""Waits until a file arrives in a folder, without looking all the time."""

from __future__ import annotations

import ctypes
import os
import select
import socket
import sys
from contextlib import suppress
from pathlib import Path

# inotify(7)
_IN_MOVED_TO = 0x80
_IN_ONLYDIR = 0x0100_0000
_BUFFER_BYTES = 65_536

WATCHED_POLL_SEC = 1.0
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
        self._bell, self._ringer = socket.socketpair()
        self._bell.setblocking(False)
        self._ringer.setblocking(False)
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
        """Return at a file that has come since the last wait, a `ring`, or after `timeout_sec`."""
        watched: list[socket.socket | int]
        watched = [self._bell] if self._descriptor < 0 else [self._bell, self._descriptor]
        readable, _, _ = select.select(watched, [], [], timeout_sec)
        if self._descriptor in readable:
            os.read(self._descriptor, _BUFFER_BYTES)
        if self._bell in readable:
            self._bell.recv(_BUFFER_BYTES)

    def ring(self) -> None:
        """End the present wait, or the next; safe in a signal handler and from other threads."""
        with suppress(OSError):  # it has rung often, or is closed
            self._ringer.send(b"!")

    def close(self) -> None:
        """Stop watching."""
        self._bell.close()
        self._ringer.close()
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)
