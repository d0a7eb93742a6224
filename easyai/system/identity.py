"""Identifies a process: by its number, its start and the place where its number is valid.

The system reuses the number of a process that has ended, and machines and containers may share a
name. A mark (`<home>.<pid>.<start>`) stands in every lease. A reader on the same machine knows for
sure whether that process has ended; a reader elsewhere does not judge.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import socket
from pathlib import Path
from typing import Final

_MARK: Final = re.compile(r"(?:^|:)([0-9a-f]{12})\.(\d+)\.(\d+)(?=[.:-]|$)")
_STATE, _THREADS, _START_TICKS = 0, 17, 19  # proc(5): /proc/PID/stat, after the name
_ENDED: Final = ("Z", "X")  # ended, but its parent has not waited for it


def home() -> str:
    """The place where process numbers are valid: this host, since its boot, in this container.

    Machines and containers may share a host's name. If the system gives neither boot nor container,
    the place is the host's name alone.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        space = Path("/proc/self/ns/pid").readlink().name
    except OSError:
        return socket.gethostname()
    return f"{socket.gethostname()} {boot} {space}"


def start_ticks(pid: int) -> int | None:
    """When the kernel started a process, in ticks since boot; None if the start is not known."""
    stat = _stat(pid)
    return None if stat is None else int(stat[_START_TICKS])


def runs(pid: int, started_ticks: int | None) -> bool:
    """Whether the process with this number and start exists on this machine, even stopped or hung.

    Without a start, or if the kernel does not show the start, any process of this number counts.
    """
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        pass  # the process exists, but we may not signal it
    stat = _stat(pid)
    if stat is None:
        return True
    if stat[_STATE] in _ENDED and int(stat[_THREADS]) <= 1:
        return False
    return started_ticks is None or int(stat[_START_TICKS]) == started_ticks


def mark() -> str:
    """The mark of this process, for its leases: no other process ever has the same mark."""
    pid = os.getpid()
    return f"{_home_hash()}.{pid}.{start_ticks(pid) or 0}"


def holder() -> str:
    """A name for a holder of leases in this process, which an operator can read, with its mark."""
    return f"{socket.gethostname()}:{os.getpid()}:{mark()}:{secrets.token_hex(4)}"


def has_ended(marked: str) -> bool:
    """Whether the process whose mark stands in a text ran on this machine and has ended.

    False for a text without a mark, and for a process elsewhere, which may still live.
    """
    match = _MARK.search(marked)
    if match is None or match[1] != _home_hash():
        return False
    ticks = int(match[3])
    return ticks > 0 and not runs(int(match[2]), ticks)


def _home_hash() -> str:
    return hashlib.blake2b(home().encode(), digest_size=6).hexdigest()


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat behind the name, which may hold any character."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split()
