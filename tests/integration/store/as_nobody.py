"""Run a piece of a test without root's power over files."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

NOBODY = 65534


def as_nobody(call: Callable[[], T]) -> T:
    """Call with the rights of nobody in the file system.

    Root reads everything whatever the mode. Linux keeps the user for file access by thread
    (setfsuid), and takes the power to override modes away with it: so a thread of its own will
    do, and nothing has to be undone. Any other user calls as itself: so modes must take the right
    from the owner, too.
    """

    def run() -> T:
        if os.geteuid() == 0:
            ctypes.CDLL(None).setfsuid(NOBODY)
        return call()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run).result()
