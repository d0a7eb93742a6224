"""Shares: divides the free places among the task types, a single place at a time.

Types of a higher priority with frames that could go now come first and get all places they can use.
The remaining places are shared equally among the types of the next priority; frames in flight
count. Other types may use the places that a type leaves. Where places are fewer than types, the
types take turns by the second. Every tenth second each type has a right to a place, whatever its
priority, so that no type stands still for ever.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from heapq import heapify, heappop, heapreplace

from easyai.db.waiting import PendingFrame
from easyai.domain.choice import FastestFirst, choose_for_camera
from easyai.domain.service import UNLIMITED, Candidate
from easyai.pipeline.places import Places
from easyai.pipeline.service_cache import ServiceCache

_ROTATION_SEC = 1.0
_FLOOR_EVERY = 10  # seconds
_MOST_KEPT = 1000  # places kept at once for a type that other workers serve

Chosen = tuple[PendingFrame, Candidate]


@dataclass(slots=True)
class Contender:
    """A task type with frames that could go now.

    Frames are fetched in small numbers. A type counts as having more frames until a fetch returns
    fewer than it asked for.
    """

    name: str
    priority: int
    ours: bool  # this process serves it; for other types, places are only kept free
    limit: int = UNLIMITED  # of further frames, by the type's own settings
    frames: list[PendingFrame] = field(default_factory=list)
    all_seen: bool = False  # there are no further frames
    home: Callable[[str], str] | None = None  # preferred endpoint by camera, if the type is ordered
    chosen: list[Chosen] = field(default_factory=list)
    unseen: int = 0  # places for frames that were not fetched yet

    @property
    def wanted(self) -> int:
        """The number of frames that have a place."""
        return len(self.chosen) + self.unseen

    @property
    def waits(self) -> bool:
        """Whether frames are left that only wait for a place."""
        return not self.all_seen or len(self.chosen) < len(self.frames)


def share(
    contenders: Sequence[Contender], places: Places, cache: ServiceCache, most: int, now: float
) -> None:
    """Divide the places, at most `most` to our own types; fills in `chosen` and `unseen`."""
    takers: dict[int, _Taker] = {}  # by number: of many types, few get a place
    rank = Ranks(places, now)
    for contender in contenders:
        contender.chosen, contender.unseen = [], 0
    heap = [(rank(contender), number) for number, contender in enumerate(contenders)]
    heapify(heap)
    while heap and places.left > 0 and most > 0:
        number = heap[0][1]
        contender = contenders[number]
        taker = takers.get(number)
        if taker is None:
            taker = takers[number] = _Taker(contender, places, cache)
        if not taker.take():
            heappop(heap)  # no frame or no endpoint: other types get its places
            continue
        most -= contender.ours
        if len(heap) > 1:  # a contender without rivals needs no rank
            heapreplace(heap, (rank(contender), number))


class _Taker:
    """Takes places for a contender."""

    def __init__(self, contender: Contender, places: Places, cache: ServiceCache) -> None:
        self.type = contender
        self._places = places
        self._cache = cache
        self._left = contender.limit if contender.ours else min(contender.limit, _MOST_KEPT)
        self._next = 0
        self._fastest: FastestFirst | None = None
        self._homes: list[Candidate] | None = None

    def take(self) -> bool:
        """Take a place for the next frame; false if there is no frame, endpoint or place."""
        if self._left <= 0:
            return False
        return self._take_fastest() if self.type.home is None else self._take_home(self.type.home)

    def _take_fastest(self) -> bool:
        contender = self.type
        frame = contender.frames[self._next] if self._next < len(contender.frames) else None
        if frame is None and contender.all_seen:
            return False
        if self._fastest is None:
            self._fastest = FastestFirst(self._cache.ranking(contender.name), self._places)
        service = self._fastest.take(frame.avoid_service if frame else None)
        return service is not None and self._give(frame, service)

    def _take_home(self, preferred: Callable[[str], str]) -> bool:
        """For a type with a state per camera: a frame waits while its camera's endpoint is full."""
        frames = self.type.frames
        if self._homes is None:
            services = self._cache.of_type(self.type.name)
            self._homes = [candidate for candidate in services if not self._places.rests(candidate)]
        while self._next < len(frames):
            frame = frames[self._next]
            service = choose_for_camera(self._homes, frame.task_id, preferred(frame.task_id))
            if service is not None and self._places.free(service) > 0:
                return self._give(frame, service)
            self._next += 1
        return False

    def _give(self, frame: PendingFrame | None, service: Candidate) -> bool:
        self._places.take(service, self.type.name)
        self._left -= 1
        if frame is None:
            self.type.unseen += 1
        else:
            self.type.chosen.append((frame, service))
            self._next += 1
        return True


class Ranks:
    """The order of the contenders at a moment: the contender with the lowest rank is next."""

    def __init__(self, places: Places, now: float) -> None:
        self._places = places
        self._floor = is_floor(now)
        self._second = int(now / _ROTATION_SEC)

    def __call__(self, contender: Contender) -> tuple[bool, int, int, int]:
        """The sort key of a contender's next place."""
        taken = self._places.of_type(contender.name)
        draw = _draw(contender.name, self._second)
        if self._floor and taken == 0:
            return (False, 0, 0, draw)
        return (self._floor, -contender.priority, taken, draw)


def is_floor(now: float) -> bool:
    """Whether each type has a right to a place in this second."""
    return int(now / _ROTATION_SEC) % _FLOOR_EVERY == 0


@lru_cache(maxsize=4096)
def _draw(task_type: str, second: int) -> int:
    """The order of types in a second, by highest random weight; lowest first.

    Every process computes the same order, and a subset of the types keeps its order, so that two
    limits never wait for each other.
    """
    digest = hashlib.blake2b(f"{second}\n{task_type}".encode(), digest_size=8).digest()
    return -int.from_bytes(digest)
