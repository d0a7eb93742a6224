"""The listening end of systemd's notification protocol, for the children of ``easyai up``."""

from __future__ import annotations

import os
import re
import shutil
import socket
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

_CREDENTIALS: Final = struct.Struct("iII")  # pid, uid, gid: unix(7)
_LONGEST: Final = 4096
_MOST: Final = 500  # at once
_LONGEST_PATH: Final = 107  # bytes of a socket's path: unix(7)
# Paths that need no quoting in the supervisor's configuration.
_PLAIN_PATH: Final = re.compile(r"[\w./+@-]+", re.ASCII)


class Notification(NamedTuple):
    """A received datagram."""

    pid: int  # of the sender, from the kernel
    words: dict[str, str]


class NotifySocket:
    """A socket in a folder that only our own user may enter. Linux only.

    A sender can have children ended, so no other user may reach the socket. The kernel reports
    which process sent a datagram.
    """

    def __init__(self, run_dir: Path) -> None:
        """Listen below `run_dir`, or if that fails, in a new temporary folder. Raises OSError."""
        kind = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        self._socket = socket.socket(socket.AF_UNIX, kind)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._folder = run_dir.absolute() / "notify"
        try:
            self.address = self._bind()
        except OSError:
            # The path is too long, or the folder is shared and takes no sockets.
            self._folder = Path(tempfile.mkdtemp(prefix="easyai-"))
            self.address = self._bind()

    def _bind(self) -> str:
        path = self._folder / "up.sock"
        if len(os.fsencode(path)) > _LONGEST_PATH or not _PLAIN_PATH.fullmatch(str(path)):
            raise OSError(f"no path for a socket: {path}")
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._folder.chmod(0o700)  # before the socket exists: the folder may be an old folder
        path.unlink(missing_ok=True)  # the socket of a killed run
        self._socket.bind(str(path))
        path.chmod(0o600)
        return str(path)

    def received(self) -> Iterator[Notification]:
        """Yield the datagrams that have arrived, at most 500; never waits."""
        for _ in range(_MOST):
            try:
                data, extra, _, _ = self._socket.recvmsg(
                    _LONGEST, socket.CMSG_SPACE(_CREDENTIALS.size)
                )
            except OSError:
                return
            pid = _sender(extra)
            if pid:
                yield Notification(pid, _words(data))

    def close(self) -> None:
        """Stop listening, and remove the folder."""
        self._socket.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def _sender(extra: list[tuple[int, int, bytes]]) -> int:
    for level, kind, data in extra:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS):
            pid: int = _CREDENTIALS.unpack_from(data)[0]
            return pid
    return 0


def _words(data: bytes) -> dict[str, str]:
    lines = data.decode("utf-8", "replace").splitlines()
    return {name: value for name, _, value in (line.partition("=") for line in lines)}
