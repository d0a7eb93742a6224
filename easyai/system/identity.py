"""Who a process is: its number, when the kernel started it, and where that number means something.

The system gives the number of a process that has ended to another one, and machines and containers
may share a name. A mark (`<home>.<pid>.<start>`) stands in every lease. Who reads it on the same
machine knows for sure whether that process has ended; elsewhere nobody judges it.
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
_ENDED: Final = ("Z", "X")  # not waited for


def home() -> str:
    """Where process numbers mean the same: this host, since it booted, in this container.

    Machines and containers may share a host's name. Where the system does not say, the name alone.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        space = Path("/proc/self/ns/pid").readlink().name
    except OSError:
        return socket.gethostname()
    return f"{socket.gethostname()} {boot} {space}"


def start_ticks(pid: int) -> int | None:
    """When the kernel started a process, in its ticks since boot; None where it does not say."""
    stat = _stat(pid)
    return None if stat is None else int(stat[_START_TICKS])


def runs(pid: int, started_ticks: int | None) -> bool:
    """Whether the process of this number and start is there on this machine, be it stopped or hung.

    Without a start, or where the kernel does not say it, any process of this number counts.
    """
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        pass  # not ours to signal, but there
    stat = _stat(pid)
    if stat is None:
        return True
    if stat[_STATE] in _ENDED and int(stat[_THREADS]) <= 1:
        return False
    return started_ticks is None or int(stat[_START_TICKS]) == started_ticks


def mark() -> str:
    """The mark of this process, for its leases: no other process ever has it."""
    pid = os.getpid()
    return f"{_home_hash()}.{pid}.{start_ticks(pid) or 0}"


def holder() -> str:
    """A name for one holder of leases in this process, as an operator reads it, with its mark."""
    return f"{socket.gethostname()}:{os.getpid()}:{mark()}:{secrets.token_hex(4)}"


def has_ended(marked: str) -> bool:
    """Whether the process whose mark stands in a text ran on this machine and has ended.

    False for a text without a mark, and for a process of another machine or container: it may live.
    """
    found = _MARK.search(marked)
    if found is None or found[1] != _home_hash():
        return False
    ticks = int(found[3])
    return ticks > 0 and not runs(int(found[2]), ticks)


def _home_hash() -> str:
    return hashlib.blake2b(home().encode(), digest_size=6).hexdigest()


def _stat(pid: int) -> list[str] | None:
    """What stands in /proc/PID/stat behind the name, which may hold anything."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return told.rpartition(")")[2].split()
