"""Why a process of easyai was ended: the codes that the causes of a standstill look for."""

from __future__ import annotations

from typing import Final

from easyai.domain.reason import Reason

HUNG: Final = "process.hung"
TAKES_NO_TASKS: Final = "process.takes_no_tasks"
KILLED_FOR_MEMORY: Final = "process.killed_for_memory"


def hung(silent_sec: float) -> Reason:
    """The reason of a process whose loops stand still."""
    return Reason.of(HUNG, silent_sec=round(silent_sec))


def takes_no_tasks(idle_sec: float) -> Reason:
    """The reason of a worker that looks well and is connected, but takes no tasks."""
    return Reason.of(TAKES_NO_TASKS, idle_sec=round(idle_sec))


def has_hung(reason: Reason) -> bool:
    """Whether a process was ended because it hung or took no tasks."""
    return any(part.code in (HUNG, TAKES_NO_TASKS) for part in reason.walk())
