"""Room: how many frames of a type the limits let through, with the other types' share left free.

Types of a higher priority that have frames which could go now get the places they can use first.
Of what they leave each type of one priority has a right to an equal share; what it does not use is
anybody's. Where there are fewer places than types, they take turns by the second. Every tenth
second each type has a right to one place, whatever its priority: none stands still for ever.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy import Connection

from easyai.db import services, waiting
from easyai.db.services import ServiceRow
from easyai.domain.service import Candidate
from easyai.pipeline.candidates import InFlight, assign, find_candidates, keep_camera
from easyai.settings import Settings

_TURN_SEC = 1.0
_FLOOR_EVERY = 10  # turns


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
        if room <= most or self._may_be_outranked():
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
        pks = {row.pk for row in shared}
        # What it takes now: a learned cap, or the one trial of a half-open breaker, is less than
        # max_concurrency; with that as the limit each type would leave the one place to the other.
        limits = {one.pk: one.in_flight + (one.free or 0) for one in candidates if one.pk in pks}
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
        own, floor = self._priority(self._task_type), is_floor(self._now)
        ready = {
            name: count
            for name in others
            if (floor or self._priority(name) >= own) and (count := self._could_go(name, limit))
        }
        first = {name: count for name, count in ready.items() if self._priority(name) > own}
        equal = {name: count for name, count in ready.items() if self._priority(name) == own}
        taken = sum(count + in_flight.get(name, 0) for name, count in first.items())
        share = shares(max(0, limit - taken), [self._task_type, *equal], self._now)
        reserve = sum(first.values()) + sum(
            max(0, min(share[name] - in_flight.get(name, 0), count))
            for name, count in equal.items()
        )
        free = limit - sum(in_flight.values())
        if not floor or free <= 0:
            return reserve
        idle = [name for name in (self._task_type, *ready) if not in_flight.get(name)]
        turns = shares(free, idle, self._now) if idle else {}
        others_turns = sum(bool(turn) for name, turn in turns.items() if name != self._task_type)
        reserve = max(reserve, others_turns)
        return min(reserve, free - 1) if turns.get(self._task_type) else reserve

    def _priority(self, task_type: str) -> int:
        return self._settings.ai_analysis.type_settings(task_type).priority

    def _may_be_outranked(self) -> bool:
        """Whether a type may be more important: then places are kept however many there are."""
        types = self._settings.ai_analysis.types
        if not types:
            return False
        own = self._priority(self._task_type)
        # '': any type of which the settings say nothing.
        return own < max(self._priority(name) for name in ("", *types))

    def _could_go(self, task_type: str, most: int) -> int:
        """Frames of a type, up to `most`, that only wait for a place of a limit they share."""
        analysis = self._settings.ai_analysis
        own_limit = analysis.type_limit(task_type)
        if own_limit is not None:
            most = min(most, own_limit - self._by_type.get(task_type, 0))
        if most <= 0:
            return 0
        if analysis.affinity(task_type):
            if self._priority(task_type) != self._priority(self._task_type):
                return self._could_go_in_order(task_type, most)
            due = len(waiting.due_heads(self._conn, task_type, self._now, most))
        else:
            due = waiting.count_due(self._conn, task_type, self._now, most)
        return due and min(due, services.capacity(self._conn, task_type, self._now, most))

    def _could_go_in_order(self, task_type: str, most: int) -> int:
        """As `_could_go`, exactly: a place kept for a camera whose endpoint is full stays empty."""
        heads = waiting.due_heads(self._conn, task_type, self._now, most)
        candidates, _ = find_candidates(self._conn, task_type, self._in_flight, self._now)
        chosen = assign(heads, candidates, most, keep_camera(self._settings, task_type))
        return sum(len(frames) for frames in chosen.values())


def is_floor(now: float) -> bool:
    """Whether in this turn each type has a right to one place."""
    return int(now / _TURN_SEC) % _FLOOR_EVERY == 0


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
