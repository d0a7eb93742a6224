"""Shares: which types get the places there are, one place at a time.

Types of a higher priority that have frames which could go now get the places they can use first.
Of what they leave each type of one priority has a right to an equal share, what it has in flight
counted; what it does not use is anybody's. Where there are fewer places than types, they take turns
by the second. Every tenth second each type has a right to one place, whatever its priority: none
stands still for ever.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from heapq import heapify, heappop, heappush

from easyai.db.waiting import PendingFrame
from easyai.domain.choice import FastestFirst, choose_for_camera
from easyai.domain.service import UNLIMITED, Candidate
from easyai.pipeline.places import Places
from easyai.pipeline.service_cache import ServiceCache

_TURN_SEC = 1.0
_FLOOR_EVERY = 10  # turns
_MOST_KEPT = 1000  # places kept at once for a type that other workers serve

Chosen = tuple[PendingFrame, Candidate]


@dataclass(slots=True)
class Contender:
    """A task type with frames that could go now.

    Frames are asked for in small numbers: until a look has found fewer than it wanted, a type
    counts as having more.
    """

    name: str
    priority: int
    ours: bool  # this process serves it; for others their places are kept only
    limit: int = UNLIMITED  # of further frames, by the type's own settings
    frames: list[PendingFrame] = field(default_factory=list)
    all_seen: bool = False  # there are no further frames
    home: Callable[[str], str] | None = None  # preferred endpoint of a camera, in ordered types
    chosen: list[Chosen] = field(default_factory=list)
    unseen: int = 0  # places for frames that were not fetched yet

    @property
    def wanted(self) -> int:
        """Frames that there are places for."""
        return len(self.chosen) + self.unseen

    @property
    def waits(self) -> bool:
        """Whether frames are left that only wait for a place."""
        return not self.all_seen or len(self.chosen) < len(self.frames)


def share(
    contenders: Sequence[Contender], places: Places, cache: ServiceCache, most: int, now: float
) -> None:
    """Give away the places, up to `most` to our own types; fills in `chosen` and `unseen`."""
    takers = [_Taker(one, places, cache) for one in contenders]
    floor = is_floor(now)
    heap = [(taker.rank(floor, now), number) for number, taker in enumerate(takers)]
    heapify(heap)
    while heap and places.room > 0 and most > 0:
        _, number = heappop(heap)
        taker = takers[number]
        if not taker.take():
            continue  # no frame, or no endpoint for it: what it leaves is the others'
        most -= taker.type.ours
        heappush(heap, (taker.rank(floor, now), number))


class _Taker:
    """A contender on the way to its places."""

    def __init__(self, contender: Contender, places: Places, cache: ServiceCache) -> None:
        self.type = contender
        contender.chosen, contender.unseen = [], 0
        self._places = places
        self._cache = cache
        self._limit = contender.limit if contender.ours else min(contender.limit, _MOST_KEPT)
        self._next = 0
        self._fastest: FastestFirst | None = None
        self._homes: list[Candidate] | None = None

    def rank(self, floor: bool, now: float) -> tuple[bool, int, int, int]:
        """Whoever has the lowest goes first."""
        taken = self._places.of_type(self.type.name)
        turn = _turn(self.type.name, int(now / _TURN_SEC))
        if floor and taken == 0:
            return (False, 0, 0, turn)
        return (floor, -self.type.priority, taken, turn)

    def take(self) -> bool:
        """Take one place for the next frame; false when there is none."""
        if self.type.wanted >= self._limit:
            return False
        return self._take_fastest() if self.type.home is None else self._take_home(self.type.home)

    def _take_fastest(self) -> bool:
        one = self.type
        frame = one.frames[self._next] if self._next < len(one.frames) else None
        if frame is None and one.all_seen:
            return False
        if self._fastest is None:
            self._fastest = FastestFirst(self._cache.ranking(one.name), self._places)
        service = self._fastest.take(frame.avoid_service if frame else None)
        return service is not None and self._give(frame, service)

    def _take_home(self, preferred: Callable[[str], str]) -> bool:
        """Of a type with a state per camera: a frame whose endpoint is full waits for it."""
        frames = self.type.frames
        if self._homes is None:
            found = self._cache.of_type(self.type.name)
            self._homes = [one for one in found if not self._places.rests(one)]
        while self._next < len(frames):
            frame = frames[self._next]
            service = choose_for_camera(self._homes, frame.task_id, preferred(frame.task_id))
            if service is not None and self._places.free(service) > 0:
                return self._give(frame, service)
            self._next += 1
        return False

    def _give(self, frame: PendingFrame | None, service: Candidate) -> bool:
        self._places.take(service, self.type.name)
        if frame is None:
            self.type.unseen += 1
        else:
            self.type.chosen.append((frame, service))
            self._next += 1
        return True


def is_floor(now: float) -> bool:
    """Whether in this turn each type has a right to one place."""
    return int(now / _TURN_SEC) % _FLOOR_EVERY == 0


@lru_cache(maxsize=4096)
def _turn(task_type: str, turn: int) -> int:
    """Highest random weight of type and second, lowest first.

    Every process comes to the same answer, and whoever has the turn among many has it among some of
    them, so that two limits never wait for each other.
    """
    digest = hashlib.blake2b(f"{turn}\n{task_type}".encode(), digest_size=8).digest()
    return -int.from_bytes(digest)
