"""The listening end of systemd's notification protocol, for the children of ``easyai up``."""

from __future__ import annotations

import os
import secrets
import socket
import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

_CREDENTIALS: Final = struct.Struct("iII")  # pid, uid, gid: unix(7)
_LONGEST: Final = 4096
_MOST: Final = 500  # anybody on the machine can send without end


class Heard(NamedTuple):
    """One datagram."""

    pid: int  # of the sender, as the kernel tells it
    words: dict[str, str]


class NotifySocket:
    """An abstract socket: it needs no disk, and goes with the process. Linux only.

    Anybody on the machine can send to it, so the kernel is asked who did.
    """

    def __init__(self) -> None:
        name = f"easyai-up-{os.getpid()}-{secrets.token_hex(4)}"
        self.address = f"@{name}"
        kind = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        self._socket = socket.socket(socket.AF_UNIX, kind)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._socket.bind(f"\0{name}")

    def heard(self) -> Iterator[Heard]:
        """What has arrived; does not wait, and takes a bounded number at once."""
        for _ in range(_MOST):
            try:
                data, extra, _, _ = self._socket.recvmsg(
                    _LONGEST, socket.CMSG_SPACE(_CREDENTIALS.size)
                )
            except OSError:
                return
            pid = _sender(extra)
            if pid:
                yield Heard(pid, _words(data))

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()


def _sender(extra: list[tuple[int, int, bytes]]) -> int:
    for level, kind, data in extra:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS):
            pid: int = _CREDENTIALS.unpack_from(data)[0]
            return pid
    return 0


def _words(data: bytes) -> dict[str, str]:
    lines = data.decode("utf-8", "replace").splitlines()
    return {name: value for name, _, value in (line.partition("=") for line in lines)}
