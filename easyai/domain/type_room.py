"""Which task types are kept, and which give way where places for types are few."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

#: A type that nothing has named for so long is forgotten.
KEPT_SEC: Final = 86_400.0
#: How old the note of a type's last mention may be before it is renewed.
RENEW_SEC: Final = 3600.0
#: The event that says which folders are not taken in.
TYPES_FULL: Final = "task_types_full"


@dataclass(frozen=True, slots=True)
class KnownType:
    """A task type in the table, and when it was named last; Unix seconds."""

    name: str
    seen_at: float  # by anything
    framed_at: float  # by a frame; 0: never


@dataclass(frozen=True, slots=True)
class Naming:
    """The task types that something names now."""

    by_settings: frozenset[str] = frozenset()  # they always fit, and are not counted
    by_frames: frozenset[str] = frozenset()  # that wait, are in flight or have failed
    by_services: frozenset[str] = frozenset()  # that are registered

    @property
    def by_any(self) -> frozenset[str]:
        """All of them."""
        return self.by_settings | self.by_frames | self.by_services


def needs_renewal(noted_at: float, now: float) -> bool:
    """Whether the note of a mention is too old, or of a clock that was ahead."""
    return abs(now - noted_at) > RENEW_SEC


def unnamed(known: Sequence[KnownType], naming: Naming, now: float) -> list[KnownType]:
    """The types that nothing has named for a day."""
    named = naming.by_any
    return [
        one
        for one in known
        if one.name not in named and abs(now - max(one.seen_at, one.framed_at)) > KEPT_SEC
    ]


def victims(
    known: Sequence[KnownType], naming: Naming, now: float, most: int, *, for_frames: bool
) -> list[KnownType]:
    """At most so many types that give their places to new ones, the least recently named first.

    Types that nothing names now go first. A folder with frames (`for_frames`) also takes the place
    of a type that only services name: without frames it needs none.
    """
    kept = naming.by_settings | naming.by_frames
    free = [
        one
        for one in known
        if one.name not in kept
        and abs(now - one.framed_at) > KEPT_SEC
        and (for_frames or one.name not in naming.by_services)
    ]
    free.sort(key=lambda one: (one.name in naming.by_services, one.seen_at, one.name))
    return free[:most]


def counted(known: Sequence[KnownType], always: Collection[str]) -> int:
    """How many places are taken; types of the settings take none."""
    return sum(one.name not in always for one in known)
