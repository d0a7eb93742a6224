"""A process that a supervisor started ends with it, even when the supervisor is killed."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # prctl(2)


def die_with_parent() -> bool:
    """Ask the kernel for a SIGTERM when our parent dies; whether it will come.

    Does nothing unless ``EASYAI_SUPERVISED=1``, which a supervisor sets for what it starts, and
    nothing outside of Linux. The parent is the thread that started us: a supervisor starts its
    programs from a thread that lives as long as itself.
    """
    if os.environ.get("EASYAI_SUPERVISED") != "1" or sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0) == 0)
