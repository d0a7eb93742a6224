"""Places: how many requests the limits allow at a moment, over all workers.

Free places are the limit minus live leases, counted in the transaction that leases.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence, Set

from easyai.domain.service import Candidate
from easyai.settings.schema import AiAnalysis

InFlight = Sequence[tuple[int, str, int]]  # service pk, task type, live leases


class Places:
    """The limits of installation, types and services; a taken place counts at once."""

    def __init__(self, analysis: AiAnalysis, in_flight: InFlight, now: float) -> None:
        self._analysis = analysis
        self._now = now
        self._at: defaultdict[int, int] = defaultdict(int)  # in flight, by pk of the service
        self._of: defaultdict[str, int] = defaultdict(int)  # in flight, by task type
        self._free: dict[int, int] = {}  # by pk of the service
        for pk, task_type, count in in_flight:
            self._at[pk] += count
            self._of[task_type] += count
        self._busy = frozenset(self._at)
        self.left = analysis.max_concurrent_infer - sum(self._of.values())

    def of_type(self, task_type: str) -> int:
        """Requests of a type in flight."""
        return self._of.get(task_type, 0)

    def left_to(self, task_type: str) -> int | None:
        """How many further requests the type's own limit allows; None: no limit."""
        limit = self._analysis.type_limit(task_type)
        return None if limit is None else max(0, limit - self.of_type(task_type))

    def in_flight(self, pk: int) -> int:
        """Requests in flight at a service."""
        return self._at.get(pk, 0)

    def free(self, service: Candidate) -> int:
        """How many further requests a service takes now."""
        free = self._free.get(service.pk)
        if free is None:
            free = service.admits(self._now, self.in_flight(service.pk))
            self._free[service.pk] = free
        return free

    def rests(self, service: Candidate) -> bool:
        """Whether a service's breaker lets no request through."""
        return service.rests(self._now, self.in_flight(service.pk))

    def busy(self) -> Set[int]:
        """The pks of services with requests in flight when the moment began."""
        return self._busy

    def take(self, service: Candidate, task_type: str) -> None:
        """Give a place of a service to a type."""
        self._free[service.pk] = self.free(service) - 1
        self._at[service.pk] += 1
        self._of[task_type] += 1
        self.left -= 1
