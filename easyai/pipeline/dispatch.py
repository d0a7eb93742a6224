"""Dispatch: gives pending frames to endpoints. The lease is the limit.

Free capacity is limit minus live leases, counted in the same transaction that leases, and one
transaction at a time does so over all machines: so no limit is ever passed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from easyai.db import ledger, services
from easyai.db.ledger import LeasedFrame, PendingFrame
from easyai.domain.choice import choose_fastest, choose_for_camera, with_one_more
from easyai.domain.service import Candidate, ServiceState
from easyai.pipeline.room import InFlight, Room
from easyai.settings import Settings

# Cameras looked at, however few frames are wanted: the endpoints of the first may all be full.
_MOST_CAMERAS = 5000


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
    resting: int = 0  # those whose breaker is open
    more: bool = False  # frames may be left that only wait for room, or for their camera


def dispatch(
    conn: Connection, settings: Settings, task_type: str, most: int, token: str, now: float
) -> Dispatched:
    """Lease up to `most` frames of a type inside a `Database.dispatching` transaction."""
    in_flight = ledger.in_flight(conn)
    limits = Room(conn, settings, task_type, in_flight, now)
    candidates = limits.at_services(*_candidates(conn, task_type, in_flight, now))
    if not candidates:
        return Dispatched(resting=len(services.routable(conn, task_type)))
    room = limits.of_installation(most)
    known = [candidate.free for candidate in candidates if candidate.free is not None]
    if len(known) == len(candidates):
        room = min(room, sum(known))
    if room <= 0:
        return Dispatched(services=len(candidates), more=True)
    chosen = _choose(conn, settings, task_type, candidates, room, now)
    frames = ledger.lease(conn, chosen, token, now, now + settings.ai_analysis.lease_sec)
    endpoints = {one.pk: Endpoint(one.endpoint, one.service_id, one.name) for one in candidates}
    more = len(frames) == room
    if settings.ai_analysis.affinity(task_type):
        # A camera's next frame waits for the one in flight.
        more = bool(frames) or limits.type_in_flight > 0
    return Dispatched(frames, endpoints, services=len(candidates), more=more)


def _choose(
    conn: Connection,
    settings: Settings,
    task_type: str,
    candidates: Sequence[Candidate],
    room: int,
    now: float,
) -> dict[int, list[PendingFrame]]:
    """Frames by service pk."""
    if not settings.ai_analysis.affinity(task_type):
        pending = ledger.due(conn, task_type, now, room)
        return _assign(
            pending, candidates, room, lambda frame, ones: choose_fastest(ones, frame.avoid_service)
        )

    def keep_camera(frame: PendingFrame, ones: Sequence[Candidate]) -> Candidate | None:
        preferred = settings.frame_extractor.preferred_endpoint(task_type, frame.task_id)
        return choose_for_camera(ones, frame.task_id, preferred)

    heads = ledger.due_heads(conn, task_type, now, _MOST_CAMERAS)
    return _assign(heads, candidates, room, keep_camera)


def _assign(
    pending: Sequence[PendingFrame],
    candidates: Sequence[Candidate],
    room: int,
    choose: Callable[[PendingFrame, Sequence[Candidate]], Candidate | None],
) -> dict[int, list[PendingFrame]]:
    """Choose an endpoint for each frame, every choice counting for the next."""
    ones = {candidate.pk: candidate for candidate in candidates}
    chosen: dict[int, list[PendingFrame]] = {}
    left = room
    for frame in pending:
        if left == 0:
            break
        candidate = choose(frame, list(ones.values()))
        if candidate is None or candidate.free == 0:
            continue  # its endpoint is full: it waits
        ones[candidate.pk] = with_one_more(candidate)
        chosen.setdefault(candidate.pk, []).append(frame)
        left -= 1
    return chosen


def _candidates(
    conn: Connection, task_type: str, in_flight: InFlight, now: float
) -> tuple[list[Candidate], list[services.ServiceRow]]:
    """Endpoints of the type whose breaker lets a request through now.

    And the rows of those whose places several types share.
    """
    candidates, shared = [], []
    for row in services.routable(conn, task_type):
        flying = sum(count for service_pk, _, count in in_flight if service_pk == row.pk)
        breaker = services.breaker_of(row)
        admitted = breaker.admits(now, flying)
        if admitted == 0:
            continue  # open, or half-open with its one trial under way
        limits = [admitted, row.concurrency_cap and max(0, row.concurrency_cap - flying)]
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
    return candidates, shared
