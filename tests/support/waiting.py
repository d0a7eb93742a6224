"""Waiting for a condition with a limit, in place of sleeping and hoping."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_SOONEST_SEC = 0.02
_LATEST_SEC = 0.1
_SHARE = 0.1  # of the time waited so far: who has waited a second may wait for another tenth


def wait_until(
    condition: Callable[[], T | None],
    timeout: float = 10.0,
    what: str = "",
    every: float | None = None,
) -> T:
    """Call ``condition`` until it is true and return its value.

    ``timeout`` and ``every`` are seconds; without ``every`` the pauses grow with the time waited,
    because a condition that asks a server takes CPU time from that server. Raises AssertionError
    naming ``what`` when time is up.
    """
    begin = time.monotonic()
    limit = begin + timeout
    while True:
        value = condition()
        if value:
            return value
        now = time.monotonic()
        if now >= limit:
            name = what or getattr(condition, "__name__", "the condition")
            raise AssertionError(f"not within {timeout:g} s: {name} (last value: {value!r})")
        time.sleep(every or min(max(_SOONEST_SEC, (now - begin) * _SHARE), _LATEST_SEC))


def accepts_connections(port: int, host: str = "127.0.0.1") -> bool:
    """Whether something on ``host`` listens on ``port``."""
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False
