"""How a child of ``easyai up`` ended, by its wait status and the kernel's counters."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Final

from easyai.domain.reason import Reason
from easyai.process.end_codes import KILLED_FOR_MEMORY

_CGROUPS: Final = Path("/sys/fs/cgroup")
_OWN_CGROUP: Final = Path("/proc/self/cgroup")
_OOM_KILL: Final = re.compile(r"^oom_kill (\d+)$", re.MULTILINE)


class ChildEnds:
    """Remembers how children ended, and how often the kernel has killed a process for memory."""

    def __init__(self, oom_kills: Callable[[], int | None] | None = None) -> None:
        """`oom_kills` returns the count of the kernel's kills; None without such a count."""
        self._oom_kills = oom_kills or memory_kills
        self._kills = self._oom_kills()
        self._signals: dict[int, int] = {}

    def note(self, pid: int, status: int) -> None:
        """Record the status of a child from waitpid, before its end is reported."""
        self._signals[pid] = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0

    def reason(self, pid: int, exit_status: int | None) -> Reason:
        """Why a child ended that we did not end; `exit_status` None: soon after its start."""
        number = self._signals.pop(pid, 0)
        if number == signal.SIGKILL:
            return self._killed()
        if number:
            return Reason.of("process.killed_by_signal", signal=number)
        if exit_status is None:
            return Reason("process.ended_soon")
        if exit_status < 0:
            return Reason("process.killed_by_some_signal")
        return Reason.of("process.exited", exit_code=exit_status)

    def forget(self, pid: int) -> None:
        """Drop the status of a child that we ended."""
        self._signals.pop(pid, None)

    def _killed(self) -> Reason:
        before, self._kills = self._kills, self._oom_kills()
        if before is not None and self._kills is not None and self._kills > before:
            return Reason(KILLED_FOR_MEMORY)
        return Reason("process.killed_by_sigkill")


def memory_kills(own: Path = _OWN_CGROUP, cgroups: Path = _CGROUPS) -> int | None:
    """How many processes of our control group were killed for lack of memory; None: unknown.

    On a machine without control groups, the count of the whole machine.
    """
    try:
        paths = [line.split(":", 2)[2] for line in own.read_text().splitlines() if line[:1] == "0"]
    except (OSError, IndexError):
        paths = []
    folders = [cgroups / path.lstrip("/") for path in paths]
    files = [folder / "memory.events" for folder in folders]
    files += [cgroups / "memory" / "memory.oom_control", Path("/proc/vmstat")]
    for file in files:
        try:
            match = _OOM_KILL.search(file.read_text())
        except OSError:
            continue
        if match:
            return int(match[1])
    return None
