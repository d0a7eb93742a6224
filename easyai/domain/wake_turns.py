"""Which task types get a message where any of them would do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

#: Types with a message at once: any message makes a worker look for frames of all its types.
MOST_WOKEN: Final = 4


def in_turn(task_types: Sequence[str], now: float) -> list[str]:
    """Up to `MOST_WOKEN` of the types, others each second; `now` is a time in seconds."""
    if len(task_types) <= MOST_WOKEN:
        return list(task_types)
    start = int(now) * MOST_WOKEN % len(task_types)
    return [*task_types[start:], *task_types[:start]][:MOST_WOKEN]
