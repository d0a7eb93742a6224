"""Which task types keep their place, and which give way, when places for types are few."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

#: A type is forgotten when nothing has named it for this long.
KEPT_SEC: Final = 86_400.0
#: The recorded time of a type's last mention is updated when it is older than this.
RENEW_SEC: Final = 3600.0
#: The event that lists the folders whose frames are not taken in.
TYPES_FULL: Final = "task_types_full"


@dataclass(frozen=True, slots=True)
class KnownType:
    """A task type in the table, and when it was last named; Unix seconds."""

    name: str
    seen_at: float  # last named by settings, a frame or a service
    framed_at: float  # last named by a frame; 0: never


@dataclass(frozen=True, slots=True)
class Naming:
    """The task types that settings, frames or services name now."""

    by_settings: frozenset[str] = frozenset()  # always have a place, not counted
    by_frames: frozenset[str] = frozenset()  # frames that wait, are in flight or have failed
    by_services: frozenset[str] = frozenset()  # registered services

    @property
    def by_any(self) -> frozenset[str]:
        """All task types that are named."""
        return self.by_settings | self.by_frames | self.by_services


def needs_renewal(noted_at: float, now: float) -> bool:
    """Whether the recorded time of a mention is too old, or written by a clock that was ahead."""
    return abs(now - noted_at) > RENEW_SEC


def unnamed(known: Sequence[KnownType], naming: Naming, now: float) -> list[KnownType]:
    """The types that nothing has named for a day."""
    named = naming.by_any
    return [
        known_type
        for known_type in known
        if known_type.name not in named
        and abs(now - max(known_type.seen_at, known_type.framed_at)) > KEPT_SEC
    ]


def victims(
    known: Sequence[KnownType], naming: Naming, now: float, most: int, *, for_frames: bool
) -> list[KnownType]:
    """At most `most` types that give their places to new types, the least recently named first.

    Types that nothing names now go first. A folder with frames (`for_frames`) also takes the place
    of a type that only services name: a type without frames needs no place.
    """
    kept = naming.by_settings | naming.by_frames
    free = [
        candidate
        for candidate in known
        if candidate.name not in kept
        and abs(now - candidate.framed_at) > KEPT_SEC
        and (for_frames or candidate.name not in naming.by_services)
    ]
    free.sort(
        key=lambda candidate: (
            candidate.name in naming.by_services,
            candidate.seen_at,
            candidate.name,
        )
    )
    return free[:most]


def counted(known: Sequence[KnownType], always: Collection[str]) -> int:
    """How many places are taken; a type of the settings takes no place."""
    return sum(known_type.name not in always for known_type in known)
