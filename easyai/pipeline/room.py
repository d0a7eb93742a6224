"""Room: how many frames of a type the limits let through, with the other types' share left free.

Each type that has frames which could go now has a right to an equal share of a limit; what it does
not use is anybody's. Where there are fewer places than types, they take turns by the second.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy import Connection

from easyai.db import ledger, services
from easyai.db.services import ServiceRow
from easyai.domain.service import Candidate
from easyai.settings import Settings

_TURN_SEC = 1.0

InFlight = Sequence[tuple[int, str, int]]  # service pk, task type, live leases


class Room:
    """The limits at one moment, seen from one task type, inside a dispatching transaction."""

    def __init__(
        self,
        conn: Connection,
        settings: Settings,
        task_type: str,
        in_flight: InFlight,
        now: float,
    ) -> None:
        self._conn = conn
        self._settings = settings
        self._task_type = task_type
        self._in_flight = in_flight
        self._now = now
        self._by_type: dict[str, int] = {}
        for _, name, count in in_flight:
            self._by_type[name] = self._by_type.get(name, 0) + count

    @property
    def type_in_flight(self) -> int:
        """Live leases of this type, over all workers."""
        return self._by_type.get(self._task_type, 0)

    def of_installation(self, most: int) -> int:
        """How many frames, up to `most`, the limits of installation and type let through."""
        analysis = self._settings.ai_analysis
        limit = analysis.max_concurrent_infer
        room = limit - sum(self._by_type.values())
        if room < most:
            served = services.served_types(self._conn, self._now)
            others = [name for name in served if name != self._task_type]
            room -= self._reserve(limit, others, self._by_type)
        own_limit = analysis.type_limit(self._task_type)
        if own_limit is not None:
            room = min(room, own_limit - self.type_in_flight)
        return min(most, room)

    def at_services(
        self, candidates: Sequence[Candidate], shared: Sequence[ServiceRow]
    ) -> list[Candidate]:
        """The candidates, those that several types share (rows) without the others' places."""
        limits = {row.pk: row.max_concurrency for row in shared}
        if not limits:
            return list(candidates)
        reserved = {}
        for pk, others in services.sharers(self._conn, list(limits), self._task_type).items():
            flying = {name: count for at, name, count in self._in_flight if at == pk}
            reserved[pk] = self._reserve(limits[pk], others, flying)
        return [
            replace(one, free=max(0, one.free - reserved.get(one.pk, 0)))
            if one.free is not None
            else one
            for one in candidates
        ]

    def _reserve(self, limit: int, others: Sequence[str], in_flight: Mapping[str, int]) -> int:
        """Places of a limit to leave free for the other types."""
        waiting = {name: count for name in others if (count := self._could_go(name, limit))}
        share = shares(limit, [self._task_type, *waiting], self._now)
        return sum(
            max(0, min(share[name] - in_flight.get(name, 0), count))
            for name, count in waiting.items()
        )

    def _could_go(self, task_type: str, most: int) -> int:
        """Frames of a type, up to `most`, that only wait for a place of a limit they share."""
        analysis = self._settings.ai_analysis
        own_limit = analysis.type_limit(task_type)
        if own_limit is not None:
            most = min(most, own_limit - self._by_type.get(task_type, 0))
        if most <= 0:
            return 0
        if analysis.affinity(task_type):
            due = len(ledger.due_heads(self._conn, task_type, self._now, most))
        else:
            due = ledger.count_due(self._conn, task_type, self._now, most)
        return due and min(due, services.capacity(self._conn, task_type, self._now, most))


def shares(limit: int, task_types: Sequence[str], now: float) -> dict[str, int]:
    """The places of a limit to which each type has a right.

    With fewer places than types the turns go by highest random weight of type and second: every
    process comes to the same answer, and whoever has the turn among many has it among some of
    them, so that two limits never wait for each other.
    """
    share = limit // len(task_types)
    if share:
        return dict.fromkeys(task_types, share)
    turn = int(now / _TURN_SEC)
    first = sorted(task_types, key=lambda name: _weight(name, turn), reverse=True)[:limit]
    return {name: int(name in first) for name in task_types}


def _weight(task_type: str, turn: int) -> bytes:
    return hashlib.blake2b(f"{turn}\n{task_type}".encode(), digest_size=8).digest()
