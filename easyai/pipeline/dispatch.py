"""Dispatch: gives pending frames to endpoints. The lease is the limit.

Free capacity is limit minus live leases, counted in the same transaction that leases, and one
transaction at a time does so over all machines: so no limit is ever passed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection

from easyai.db import ledger, services
from easyai.db.ledger import LeasedFrame, PendingFrame
from easyai.domain.choice import choose_fastest, choose_for_camera, with_one_more
from easyai.domain.service import Candidate, ServiceState
from easyai.settings import Settings

_LOOK_AHEAD = 4  # cameras looked at for each frame wanted: the endpoints of some may be full

InFlight = Sequence[tuple[int, str, int]]  # service pk, task type, live leases


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a leased frame is sent."""

    url: str
    service_id: str
    name: str


@dataclass(slots=True)
class Dispatched:
    """What one dispatch leased."""

    frames: list[LeasedFrame] = field(default_factory=list)
    endpoints: dict[int, Endpoint] = field(default_factory=dict)  # by service pk
    services: int = 0  # endpoints of the type that may be called now
    more: bool = False  # frames may be left that only wait for room


def dispatch(
    conn: Connection, settings: Settings, task_type: str, most: int, token: str, now: float
) -> Dispatched:
    """Lease up to `most` frames of a type inside a `Database.dispatching` transaction."""
    in_flight = ledger.in_flight(conn)
    candidates = _candidates(conn, settings, task_type, in_flight, now)
    if not candidates:
        return Dispatched()
    room = min(most, _room(conn, settings, task_type, in_flight, most, now))
    known = [candidate.free for candidate in candidates if candidate.free is not None]
    if len(known) == len(candidates):
        room = min(room, sum(known))
    if room <= 0:
        return Dispatched(services=len(candidates), more=True)
    chosen = _choose(conn, settings, task_type, candidates, room, now)
    frames = ledger.lease(conn, chosen, token, now, now + settings.ai_analysis.lease_sec)
    endpoints = {one.pk: Endpoint(one.endpoint, one.service_id, one.name) for one in candidates}
    return Dispatched(frames, endpoints, len(candidates), more=len(frames) == room)


def _choose(
    conn: Connection,
    settings: Settings,
    task_type: str,
    candidates: Sequence[Candidate],
    room: int,
    now: float,
) -> dict[int, list[int]]:
    """Frame ids by service pk."""
    if not settings.ai_analysis.affinity(task_type):
        pending = ledger.due(conn, task_type, now, room)
        return _assign(
            pending, candidates, room, lambda frame, ones: choose_fastest(ones, frame.avoid_service)
        )

    def keep_camera(frame: PendingFrame, ones: Sequence[Candidate]) -> Candidate | None:
        preferred = settings.frame_extractor.preferred_endpoint(task_type, frame.task_id)
        return choose_for_camera(ones, frame.task_id, preferred)

    heads = ledger.due_heads(conn, task_type, now, room * _LOOK_AHEAD)
    return _assign(heads, candidates, room, keep_camera)


def _assign(
    pending: Sequence[PendingFrame],
    candidates: Sequence[Candidate],
    room: int,
    choose: Callable[[PendingFrame, Sequence[Candidate]], Candidate | None],
) -> dict[int, list[int]]:
    """Choose an endpoint for each frame, every choice counting for the next."""
    ones = {candidate.pk: candidate for candidate in candidates}
    chosen: dict[int, list[int]] = {}
    left = room
    for frame in pending:
        if left == 0:
            break
        candidate = choose(frame, list(ones.values()))
        if candidate is None or candidate.free == 0:
            continue  # its endpoint is full: it waits
        ones[candidate.pk] = with_one_more(candidate)
        chosen.setdefault(candidate.pk, []).append(frame.id)
        left -= 1
    return chosen


def _candidates(
    conn: Connection, settings: Settings, task_type: str, in_flight: InFlight, now: float
) -> list[Candidate]:
    """Endpoints of the type whose breaker lets at least one request through, now or soon."""
    candidates, shared = [], []
    for row in services.routable(conn, task_type):
        flying = sum(count for service_pk, _, count in in_flight if service_pk == row.pk)
        breaker = services.breaker_of(row)
        if not breaker.closed and now < breaker.open_until:
            continue  # an open breaker gets nothing
        limits = [breaker.admits(now, flying)]
        if row.max_concurrency is not None:
            limits.append(max(0, row.max_concurrency - flying))
            if row.type_count > 1:
                shared.append(row)
        known = [limit for limit in limits if limit is not None]
        candidates.append(
            Candidate(
                pk=row.pk,
                endpoint=row.endpoint,
                service_id=row.service_id,
                name=row.name,
                suspect=row.state == ServiceState.SUSPECT,
                in_flight=flying,
                free=min(known) if known else None,
                ewma_ms=row.ewma_ms,
                call_count=row.call_count,
            )
        )
    return _leave_room(conn, settings, task_type, candidates, shared, in_flight, now)


def _leave_room(
    conn: Connection,
    settings: Settings,
    task_type: str,
    candidates: list[Candidate],
    shared: Sequence[services.ServiceRow],
    in_flight: InFlight,
    now: float,
) -> list[Candidate]:
    """Take off what other types need of endpoints that serve several and have a limit."""
    if not shared:
        return candidates
    limits = {row.pk: row.max_concurrency for row in shared}
    reserved = {}
    for service_pk, others in services.sharers(conn, list(limits), task_type).items():
        own = [(name, count) for pk, name, count in in_flight if pk == service_pk]
        reserved[service_pk] = _reserve(conn, settings, limits[service_pk], others, dict(own), now)
    return [
        replace(one, free=max(0, one.free - reserved.get(one.pk, 0)))
        if one.free is not None
        else one
        for one in candidates
    ]


def _room(
    conn: Connection,
    settings: Settings,
    task_type: str,
    in_flight: InFlight,
    most: int,
    now: float,
) -> int:
    """How many frames of this type the limits of type and installation let through."""
    analysis = settings.ai_analysis
    by_type: dict[str, int] = {}
    for _, name, count in in_flight:
        by_type[name] = by_type.get(name, 0) + count
    room = analysis.max_concurrent_infer - sum(by_type.values())
    if room < most:
        others = [name for name in services.served_types(conn, now) if name != task_type]
        room -= _reserve(conn, settings, analysis.max_concurrent_infer, others, by_type, now)
    limit = analysis.type_limit(task_type)
    if limit is not None:
        room = min(room, limit - by_type.get(task_type, 0))
    return room


def _reserve(
    conn: Connection,
    settings: Settings,
    limit: int,
    others: Sequence[str],
    in_flight: dict[str, int],
    now: float,
) -> int:
    """Places of a limit to leave free, so that a busy type never starves the others.

    Each type with frames that could go now has a right to an equal share; what it does not use is
    anybody's.
    """
    due = {name: _due_count(conn, settings, name, now, limit) for name in others}
    competing = [name for name, count in due.items() if count]
    share = limit // (len(competing) + 1)
    return sum(max(0, min(max(share, 1) - in_flight.get(name, 0), due[name])) for name in competing)


def _due_count(conn: Connection, settings: Settings, task_type: str, now: float, most: int) -> int:
    """Frames of a type that its own limits would let through now, up to `most`."""
    find = ledger.due_heads if settings.ai_analysis.affinity(task_type) else ledger.due
    return min(len(find(conn, task_type, now, most)), services.capacity(conn, task_type, now, most))
