"""Which task types get a message where any of them would do."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Final

#: Types with a message at once: any message makes a worker look for frames of all its types.
MOST_WOKEN: Final = 4


class WakeTurns:
    """Gives types their turn; may be used by several threads."""

    def __init__(self) -> None:
        self._turns = count()

    def take(self, task_types: Sequence[str]) -> list[str]:
        """Up to `MOST_WOKEN` of the types, the next types each time."""
        if len(task_types) <= MOST_WOKEN:
            return list(task_types)
        start = next(self._turns) * MOST_WOKEN % len(task_types)
        return [*task_types[start:], *task_types[:start]][:MOST_WOKEN]
