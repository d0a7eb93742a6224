"""Waiting for a condition with a limit, in place of sleeping and hoping."""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

# Below those that systems give to clients: nobody takes one by chance while its server is down.
_PORTS = range(10_000, 32_000)
# Each process of xdist has ports of its own: of a server that is down for a moment another must not
# take the place.
_PROCESSES = 16
_NUMBER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
_OWN_PORTS = _PORTS[_NUMBER % _PROCESSES :: _PROCESSES]


def wait_until(
    condition: Callable[[], T | None], timeout: float = 10.0, what: str = "", every: float = 0.02
) -> T:
    """Call ``condition`` until it is true and return its value.

    ``timeout`` and ``every`` are seconds. Raises AssertionError naming ``what`` when time is up.
    """
    limit = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= limit:
            name = what or getattr(condition, "__name__", "the condition")
            raise AssertionError(f"not within {timeout:g} s: {name} (last value: {value!r})")
        time.sleep(every)


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody listens on now."""
    while True:
        port = secrets.choice(_OWN_PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue  # taken
            return port


def accepts_connections(port: int) -> bool:
    """Whether something on 127.0.0.1 listens on ``port``."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False
