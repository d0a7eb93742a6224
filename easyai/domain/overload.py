"""Which frames give way when more wait than may."""

from __future__ import annotations

from collections.abc import Callable, Mapping


def give_way(
    waiting: Mapping[str, int], priority: Callable[[str], int], limit: int
) -> list[tuple[list[str], int]]:
    """Task types and how many frames of them together must go, until no more than `limit` wait.

    Types of the lowest priority go first, and of each priority only as many as needed; types of
    one priority are one crowd.
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
    """Task types in the order in which each gives way as a whole.

    The lowest priority first, and of one priority the type of which most wait.
    """
    return sorted(waiting, key=lambda name: (priority(name), -waiting[name], name))
