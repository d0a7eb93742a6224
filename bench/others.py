"""The cores that other programs of this machine take during a measurement."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

#: The machine is noisy where other programs take more than this share of its cores.
NOISE: Final = 0.2
_TICKS = os.sysconf("SC_CLK_TCK")
_BUSY = (0, 1, 2, 5, 6, 7)  # user, nice, system, irq, softirq, steal: proc_stat(5)


class Others:
    """Watches from its creation on."""

    def __init__(self) -> None:
        self._began, self._before = time.monotonic(), _others_cpu_seconds()

    def cores(self) -> float:
        """The cores that programs outside of this process and its children took so far."""
        took = time.monotonic() - self._began
        return max(0.0, _others_cpu_seconds() - self._before) / took


def is_noisy(others_cores: float) -> bool:
    """Whether other programs take too much for a verdict by time."""
    return others_cores > NOISE * (os.cpu_count() or 1)


def _others_cpu_seconds() -> float:
    fields = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:]
    return sum(int(fields[number]) for number in _BUSY) / _TICKS - own_cpu_seconds()


def own_cpu_seconds() -> float:
    """CPU time of this process and all its descendants, with those that ended."""
    parents: dict[int, int] = {}
    ticks: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            # proc_pid_stat(5): after the name in brackets; the first field here is number 3.
            fields = path.read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        pid = int(path.parent.name)
        parents[pid], ticks[pid] = int(fields[1]), sum(map(int, fields[11:15]))
    return sum(number for pid, number in ticks.items() if _descends(pid, parents)) / _TICKS


def _descends(pid: int, parents: dict[int, int]) -> bool:
    while pid > 1:
        if pid == os.getpid():
            return True
        pid = parents.get(pid, 0)
    return False
