"""TCP ports on 127.0.0.1 that stay a test's own, also while the test's server is down."""

from __future__ import annotations

import socket

_of_the_test: list[HeldPort] = []


class HeldPort:
    """A port that the kernel gives to no other program until `release`.

    A socket is bound to the port and never listens: connections are refused, other programs get
    "Address already in use", clients are given other ports. Sharing is allowed only after the
    bind, so that the port was nobody's before, and a server that sets SO_REUSEADDR, as servers
    do, can still listen there, stop and listen again.
    """

    def __init__(self) -> None:
        self._holder = socket.socket()
        self._holder.bind(("127.0.0.1", 0))
        self._holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.number: int = self._holder.getsockname()[1]

    def release(self) -> None:
        """Give the port back."""
        self._holder.close()


def free_port() -> int:
    """A free port that no other program can take until the test has ended."""
    held = HeldPort()
    _of_the_test.append(held)
    return held.number


def release_ports() -> None:
    """Give back every port of `free_port`; called after each test."""
    while _of_the_test:
        _of_the_test.pop().release()
