"""Waiting for a condition with a limit, in place of sleeping and hoping."""

from __future__ import annotations

import fcntl
import os
import secrets
import socket
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import IO, TypeVar

T = TypeVar("T")

# Below those that systems give to clients: nobody takes one by chance while its server is down.
_FIRST, _BLOCK, _BLOCKS = 10_000, 100, 220
_locks: list[IO[str]] = []  # held until this process ends


def _own_block() -> range:
    """A hundred ports that no other test process on this machine uses while this one runs.

    Of a server that is down for a moment another test must not take the place, whichever checkout
    or user it belongs to: the block is claimed by a lock that ends with the process.
    """
    folder = Path(tempfile.gettempdir()) / "easyai-test-ports"
    folder.mkdir(mode=0o777, exist_ok=True)
    for number in secrets.SystemRandom().sample(range(_BLOCKS), _BLOCKS):
        try:
            lock = (folder / f"{number}-{os.getuid()}").open("w")
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue
        _locks.append(lock)
        return range(_FIRST + number * _BLOCK, _FIRST + (number + 1) * _BLOCK)
    raise AssertionError(
        f"no block of {_BLOCK} ports is free: {_BLOCKS} test processes run already"
    )


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


@cache
def _ports() -> range:
    return _own_block()


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody listens on now."""
    while True:
        port = secrets.choice(_ports())
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
