"""Which endpoint takes a frame: the one that is expected to be done first, or a camera's own."""

from __future__ import annotations

import hashlib
from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence, Set
from heapq import heapify, heappop, heappush
from statistics import median
from typing import Final, Protocol

from easyai.domain.service import Candidate

_UNMEASURED_MS: Final = 50.0  # when no service of the type has been measured yet
_FEW: Final = 32  # changes before what is typical is looked at again

Rank = tuple[bool, float, int, int]  # suspects last, expected completion, calls so far, pk


class Load(Protocol):
    """What the endpoints have in flight and still take, at one moment."""

    def in_flight(self, pk: int) -> int:
        """Requests under way at an endpoint, over all workers."""

    def free(self, candidate: Candidate) -> int:
        """How many further requests an endpoint takes now."""

    def busy(self) -> Set[int]:
        """The pks of endpoints with requests under way when the moment began."""


class Ranking:
    """The endpoints of one task type in the order in which they are taken while they are idle.

    Kept in order: a change moves one endpoint.
    """

    def __init__(self, candidates: Iterable[Candidate]) -> None:
        self.candidates = {one.pk: one for one in candidates}
        self.pks = frozenset(self.candidates)
        self.order: list[Rank] = []
        self._ranks: dict[int, Rank] = {}
        self._changes = 0
        self._typical_ms = _UNMEASURED_MS
        self._sort()

    def note_change(self, pk: int) -> None:
        """The latency or the calls of an endpoint have changed."""
        self._changes += 1
        if self._changes > max(_FEW, len(self.candidates)):
            self._sort()  # with what is typical now
            return
        before, after = self._ranks[pk], self.rank(self.candidates[pk], 0)
        del self.order[bisect_left(self.order, before)]
        insort(self.order, after)
        self._ranks[pk] = after

    def rank(self, candidate: Candidate, in_flight: int) -> Rank:
        """Expected completion is (in flight + 1) × EWMA latency; one never measured: the median."""
        latency_ms = self._typical_ms if candidate.ewma_ms is None else candidate.ewma_ms
        completion_ms = (in_flight + 1) * latency_ms
        return candidate.suspect, completion_ms, candidate.call_count, candidate.pk

    def _sort(self) -> None:
        ones = self.candidates.values()
        measured = [one.ewma_ms for one in ones if one.ewma_ms is not None]
        self._typical_ms = median(measured) if measured else _UNMEASURED_MS
        self._ranks = {one.pk: self.rank(one, 0) for one in ones}
        self.order = sorted(self._ranks.values())
        self._changes = 0


class FastestFirst:
    """Takes the endpoints of a type under one load, the least expected completion time first.

    A suspect comes last, the endpoint that failed a frame before (`avoid`) after the others of its
    kind. Costs what the busy endpoints and those taken cost, however many there are.
    """

    def __init__(self, ranking: Ranking, load: Load) -> None:
        self._ranking = ranking
        self._load = load
        self._busy = ranking.pks & load.busy()
        self._heap = [self._rank(ranking.candidates[pk]) for pk in self._busy]
        heapify(self._heap)
        self._next = 0  # of those that are idle and in order

    def take(self, avoid: int | None = None) -> Candidate | None:
        """The endpoint for one frame; None when all are full. What it takes is the load's to note.

        Between two calls other types may have filled an endpoint, never emptied it.
        """
        first = self._pop()
        if first is None:
            return None
        chosen = first
        if first.pk == avoid:
            second = self._pop()
            if second is not None:
                if second.suspect == first.suspect:
                    chosen = second
                self._push(first if chosen is second else second)
        self._push(chosen)  # under its rank of now: looked at again when its turn has come
        return chosen

    def _pop(self) -> Candidate | None:
        """The best with a free place, off the heap."""
        while True:
            self._bring_idle()
            if not self._heap:
                return None
            rank = heappop(self._heap)
            candidate = self._ranking.candidates[rank[-1]]
            if self._load.free(candidate) <= 0:
                continue  # full, for the rest of this moment
            if self._rank(candidate) != rank:
                self._push(candidate)
                continue
            return candidate

    def _bring_idle(self) -> None:
        order = self._ranking.order
        while self._next < len(order) and not (self._heap and self._heap[0] < order[self._next]):
            rank = order[self._next]
            self._next += 1
            if rank[-1] not in self._busy:
                heappush(self._heap, rank)

    def _push(self, candidate: Candidate) -> None:
        heappush(self._heap, self._rank(candidate))

    def _rank(self, candidate: Candidate) -> Rank:
        return self._ranking.rank(candidate, self._load.in_flight(candidate.pk))


def choose_for_camera(
    candidates: Sequence[Candidate], task_id: str, preferred_endpoint: str = ""
) -> Candidate | None:
    """The one endpoint that keeps a camera's state: the operator's choice, else by rendezvous hash.

    Every worker comes to the same answer, and only the cameras of an endpoint that goes away move
    (highest random weight: Thaler and Ravishankar, 1998). The answer may be full: then the camera
    waits for it.
    """
    for candidate in candidates:
        if preferred_endpoint and candidate.endpoint == preferred_endpoint:
            return candidate
    return max(candidates, key=lambda one: _weight(one.endpoint, task_id), default=None)


def _weight(endpoint: str, task_id: str) -> bytes:
    return hashlib.blake2b(f"{endpoint}\n{task_id}".encode(), digest_size=8).digest()
