"""Waiting for a condition with a limit, in place of sleeping and hoping."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


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


def accepts_connections(port: int, host: str = "127.0.0.1") -> bool:
    """Whether something on ``host`` listens on ``port``."""
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False
