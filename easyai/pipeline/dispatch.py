"""Dispatch: gives waiting frames to endpoints. The lease is the limit.

Free capacity is limit minus live leases, counted in the same transaction that leases, and one
transaction at a time does so over all machines: so no limit is ever passed. Frames that were parked
during an outage go with the room that live ones leave.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from easyai.db import ledger, services, waiting
from easyai.db.ledger import LeasedFrame
from easyai.db.waiting import PendingFrame
from easyai.domain.service import Candidate
from easyai.pipeline.candidates import assign, find_candidates, keep_camera, take_fastest
from easyai.pipeline.room import Room
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
    candidates = limits.at_services(*find_candidates(conn, task_type, in_flight, now))
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
        pending = waiting.due(conn, task_type, now, room)
        if len(pending) < room:
            pending += waiting.parked(conn, task_type, room - len(pending))
        return assign(pending, candidates, room, take_fastest)
    heads = waiting.due_heads(conn, task_type, now, _MOST_CAMERAS)
    return assign(heads, candidates, room, keep_camera(settings, task_type))
