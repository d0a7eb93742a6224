"""Which frames give way when too many wait."""

from __future__ import annotations

from collections.abc import Callable, Mapping


def give_way(
    waiting: Mapping[str, int], priority: Callable[[str], int], limit: int
) -> list[tuple[list[str], int]]:
    """Groups of task types, each with the number of frames to give up so that only `limit` wait.

    Types of the same priority are a group. The lowest priority goes first, and each group gives up
    only as many frames as needed.
    """
    excess = sum(waiting.values()) - limit
    ways = []
    for level in sorted({priority(name) for name in waiting}):
        if excess <= 0:
            break
        crowd = sorted(name for name, count in waiting.items() if count and priority(name) == level)
        count = min(excess, sum(waiting[name] for name in crowd))
        if count:
            ways.append((crowd, count))
        excess -= count
    return ways


def in_turn(waiting: Mapping[str, int], priority: Callable[[str], int]) -> list[str]:
    """Task types in the order in which whole types give way.

    The lowest priority goes first; at the same priority, the type with most waiting frames.
    """
    return sorted(waiting, key=lambda name: (priority(name), -waiting[name], name))
