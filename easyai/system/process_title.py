"""The command line that `ps` shows for a process, changed in place. Linux only."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_ARG_START, _ARG_END = 45, 46  # proc(5): /proc/PID/stat, after the name
_OWN: Final = Path("/proc/self")


def show_command(words: Sequence[str]) -> bool:
    """Make `ps` and /proc/PID/cmdline show these words; returns whether the kernel shows them.

    The words take the place of the command line that started this program, and are cut to its
    length. Systems that hide the place or refuse the write keep the old command line.
    """
    try:
        stat = (_OWN / "stat").read_text(encoding="utf-8", errors="replace")
        fields = stat.rpartition(")")[2].split()
        start, end = int(fields[_ARG_START]), int(fields[_ARG_END])
        shown = (_OWN / "cmdline").read_bytes()
        descriptor = os.open(_OWN / "mem", os.O_RDWR | os.O_CLOEXEC)
    except (OSError, ValueError, IndexError):
        return False
    try:
        # Only memory that provably holds the present command line is overwritten.
        if not shown or os.pread(descriptor, end - start, start) != shown:
            return False
        text = b"".join(os.fsencode(word) + b"\0" for word in words)
        # A last byte that is not zero would make the kernel show the environment, too.
        text = text[: len(shown) - 1].ljust(len(shown), b"\0")
        return os.pwrite(descriptor, text, start) == len(text)
    except (OSError, OverflowError, ValueError):
        return False
    finally:
        os.close(descriptor)
