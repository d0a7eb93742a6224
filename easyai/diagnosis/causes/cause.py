"""A cause that was found, with its evidence and what to do about it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from easyai.domain.reason import Reason

#: The weight of a cause beside which all is well. No default: a forgotten weight must not mean it.
REMARK: Final = 0


@dataclass(frozen=True, slots=True)
class Remedy:
    """What to do: a sentence, and a command that works when copied ('' when there is none)."""

    text: Reason
    command: str = ""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why frames are not inferred, or will not be for long."""

    code: str  # services_died, worker_gone, …
    title: Reason
    evidence: tuple[Reason, ...]
    remedies: tuple[Remedy, ...]
    weight: int  # 0 to 100: how directly it explains that nothing succeeds; `REMARK`: not at all
    task_types: tuple[str, ...] = ()  # the types it concerns, or only the types it stops; (): all

    @property
    def is_remark(self) -> bool:
        """Whether all is well beside it."""
        return self.weight == REMARK

    def concerns(self, names: Collection[str]) -> bool:
        """Whether the cause concerns any of these task types."""
        return not self.task_types or not set(self.task_types).isdisjoint(names)

    def covers(self, other: Cause) -> bool:
        """Whether the cause concerns every task type that another cause concerns."""
        mine, others = set(self.task_types), set(other.task_types)
        return not mine or (bool(others) and others <= mine)
