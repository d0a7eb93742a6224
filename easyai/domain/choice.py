"""Chooses the endpoint for a frame: the endpoint expected to finish first, or a camera's own."""

from __future__ import annotations

import hashlib
from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence, Set
from heapq import heapify, heappop, heappush, heapreplace
from statistics import median
from typing import Final, Protocol

from easyai.domain.service import Candidate

_UNMEASURED_MS: Final = 50.0  # while no service of the type has been measured
_FEW: Final = 32  # changes before the typical latency is computed again

Rank = tuple[bool, float, int, int]  # suspects last, expected completion, calls so far, pk


class Load(Protocol):
    """The requests in flight and the free places of endpoints, at a given moment."""

    def in_flight(self, pk: int) -> int:
        """Requests under way at an endpoint, over all workers."""

    def free(self, candidate: Candidate) -> int:
        """How many further requests an endpoint takes now."""

    def busy(self) -> Set[int]:
        """The pks of endpoints with requests under way when the moment began."""


class Ranking:
    """The endpoints of a task type, in the order in which idle endpoints are taken.

    The order is kept up to date: a change moves a single endpoint.
    """

    def __init__(self, candidates: Iterable[Candidate]) -> None:
        self.candidates = {candidate.pk: candidate for candidate in candidates}
        self.pks = frozenset(self.candidates)
        self.order: list[Rank] = []
        self._ranks: dict[int, Rank] = {}
        self._changes = 0
        self._typical_ms = _UNMEASURED_MS
        self._sort()

    def note_change(self, pk: int) -> None:
        """Sort an endpoint anew after its latency or number of calls has changed."""
        self._changes += 1
        if self._changes > max(_FEW, 4 * len(self.candidates)):
            self._sort()  # with the present typical latency
            return
        before, after = self._ranks[pk], self.rank(self.candidates[pk], 0)
        del self.order[bisect_left(self.order, before)]
        insort(self.order, after)
        self._ranks[pk] = after

    def rank(self, candidate: Candidate, in_flight: int) -> Rank:
        """Rank by (in flight + 1) × EWMA latency; the median latency if it was never measured."""
        latency_ms = self._typical_ms if candidate.ewma_ms is None else candidate.ewma_ms
        completion_ms = (in_flight + 1) * latency_ms
        return candidate.suspect, completion_ms, candidate.call_count, candidate.pk

    def _sort(self) -> None:
        candidates = self.candidates.values()
        measured = [candidate.ewma_ms for candidate in candidates if candidate.ewma_ms is not None]
        self._typical_ms = median(measured) if measured else _UNMEASURED_MS
        self._ranks = {candidate.pk: self.rank(candidate, 0) for candidate in candidates}
        self.order = sorted(self._ranks.values())
        self._changes = 0


class FastestFirst:
    """Takes the endpoints of a type under a given load, the shortest expected completion first.

    Suspect endpoints come last. An endpoint that failed the frame before (`avoid`) comes last in
    its group, suspect or not. The cost grows with the busy and the taken endpoints, not with the
    number of all endpoints.
    """

    def __init__(self, ranking: Ranking, load: Load) -> None:
        self._ranking = ranking
        self._load = load
        self._busy = ranking.pks & load.busy()
        self._heap = [self._rank(ranking.candidates[pk]) for pk in self._busy]
        heapify(self._heap)
        self._next = 0  # index in the ranking's order of idle endpoints

    def take(self, avoid: int | None = None) -> Candidate | None:
        """The endpoint for a frame; None when all are full. The caller updates the load.

        Between two calls, other types may fill an endpoint but never empty it.
        """
        first = self._best()
        if first is None or first.pk != avoid:
            return first
        rank = heappop(self._heap)
        second = self._best()
        heappush(self._heap, rank)
        return first if second is None or second.suspect != first.suspect else second

    def _best(self) -> Candidate | None:
        """The best endpoint with a free place, which stays at the top of the heap."""
        heap = self._heap
        while True:
            self._bring_idle()
            if not heap:
                return None
            candidate = self._ranking.candidates[heap[0][-1]]
            if self._load.free(candidate) <= 0:
                heappop(heap)  # full, for the rest of this moment
                continue
            rank = self._rank(candidate)
            if rank == heap[0]:
                return candidate
            heapreplace(heap, rank)  # requests have been added

    def _bring_idle(self) -> None:
        order = self._ranking.order
        while self._next < len(order) and not (self._heap and self._heap[0] < order[self._next]):
            rank = order[self._next]
            self._next += 1
            if rank[-1] not in self._busy:
                heappush(self._heap, rank)

    def _rank(self, candidate: Candidate) -> Rank:
        return self._ranking.rank(candidate, self._load.in_flight(candidate.pk))


def choose_for_camera(
    candidates: Sequence[Candidate], task_id: str, preferred_endpoint: str = ""
) -> Candidate | None:
    """The endpoint that keeps a camera's state: the operator's choice, else by rendezvous hash.

    Every worker chooses the same endpoint. When an endpoint goes away, only its cameras move
    (highest random weight: Thaler and Ravishankar, 1998). The chosen endpoint may be full: then
    the camera waits for it.
    """
    for candidate in candidates:
        if preferred_endpoint and candidate.endpoint == preferred_endpoint:
            return candidate
    return max(candidates, key=lambda candidate: _weight(candidate.endpoint, task_id), default=None)


def _weight(endpoint: str, task_id: str) -> bytes:
    return hashlib.blake2b(f"{endpoint}\n{task_id}".encode(), digest_size=8).digest()
