"""The services that may be called, cached by this process between its dispatches.

They are read again after any change of the registry (db/generations.py), so that no lease uses a
stale limit, state or breaker. Latencies and call counts of other processes are up to five seconds
old; the calls of this process count at once.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from sqlalchemy import Connection

from easyai.db import generations, routable
from easyai.domain.choice import Ranking
from easyai.domain.service import Candidate
from easyai.runtime import Runtime

_MEASURED_SEC: Final = 5.0
_NEVER: Final = -1


class ServiceCache:
    """For a single thread at a time, inside the transaction that leases or settles."""

    def __init__(self, _runtime: Runtime | None = None) -> None:
        self._services: dict[int, Candidate] = {}
        self._by_type: dict[str, dict[int, Candidate]] = {}
        self._rankings: dict[str, Ranking] = {}
        self._generation = _NEVER
        self._measured_at = 0.0  # monotonic
        self._stale: set[int] = set()

    def refresh(self, conn: Connection) -> None:
        """Update the cache to the state that this transaction sees."""
        generation, now = generations.registry(conn), time.monotonic()
        if generation != self._generation:
            self._replace(routable.load(conn))
            self._generation, self._measured_at = generation, now
        elif self._stale:
            self._put(sorted(self._stale), routable.load_these(conn, sorted(self._stale)))
        self._stale.clear()
        if now - self._measured_at >= _MEASURED_SEC:
            self._measure(routable.calls(conn))
            self._measured_at = now

    def forget(self) -> None:
        """Read everything again, because the transaction was rolled back."""
        self._generation = _NEVER

    def note_calls(self, updates: Iterable[Mapping[str, Any]], changed: Collection[int]) -> None:
        """Apply this process's calls; `updates` as for `service_calls.record_calls`.

        `changed`: the pks of services whose state, breaker or cap has changed.
        """
        self._stale.update(changed)
        for update in updates:
            service = self._services.get(update["pk"])
            if service is None:
                continue
            service.ewma_ms = update["ewma_ms"]
            service.call_count += update["calls"]
            for task_type in service.task_types:
                if (ranking := self._rankings.get(task_type)) is not None:
                    ranking.note_change(service.pk)

    def bumped(self, generation: int) -> None:
        """Take over the generation of a change that this process itself made and knows."""
        if generation == self._generation + 1:
            self._generation = generation

    def get(self, pk: int) -> Candidate | None:
        """The service with this pk, if it may be called."""
        return self._services.get(pk)

    def of_type(self, task_type: str) -> Collection[Candidate]:
        """The services of a type that may be called; their breakers may be open."""
        return self._by_type.get(task_type, {}).values()

    def ranking(self, task_type: str) -> Ranking:
        """The services of a type in the order of their rank."""
        ranking = self._rankings.get(task_type)
        if ranking is None:
            ranking = self._rankings[task_type] = Ranking(self.of_type(task_type))
        return ranking

    def _replace(self, services: Iterable[Candidate]) -> None:
        self._services.clear()
        self._by_type.clear()
        self._rankings.clear()
        for service in services:
            self._add(service)

    def _measure(self, calls: Iterable[tuple[int, float | None, int]]) -> None:
        """Apply the measurements of other processes."""
        for pk, ewma_ms, call_count in calls:
            service = self._services.get(pk)
            if service is not None:
                service.ewma_ms, service.call_count = ewma_ms, call_count
        self._rankings.clear()

    def _put(self, pks: Iterable[int], services: Iterable[Candidate]) -> None:
        for pk in pks:
            before = self._services.pop(pk, None)
            for task_type in before.task_types if before else ():
                self._by_type[task_type].pop(pk, None)
                self._rankings.pop(task_type, None)
        for service in services:
            self._add(service)

    def _add(self, service: Candidate) -> None:
        self._services[service.pk] = service
        for task_type in service.task_types:
            self._by_type.setdefault(task_type, {})[service.pk] = service
            self._rankings.pop(task_type, None)
