"""Candidates: the endpoints that may be called now, and which of them takes which frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import Connection

from easyai.db import services
from easyai.db.waiting import PendingFrame
from easyai.domain.choice import choose_fastest, choose_for_camera, with_one_more
from easyai.domain.service import Candidate, ServiceState
from easyai.settings import Settings

InFlight = Sequence[tuple[int, str, int]]  # service pk, task type, live leases
Choose = Callable[[PendingFrame, Sequence[Candidate]], Candidate | None]


def find_candidates(
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


def take_fastest(frame: PendingFrame, ones: Sequence[Candidate]) -> Candidate | None:
    """The choice for types without a state per camera."""
    return choose_fastest(ones, frame.avoid_service)


def keep_camera(settings: Settings, task_type: str) -> Choose:
    """The choice for types with a state per camera: always the same endpoint for one."""

    def choose(frame: PendingFrame, ones: Sequence[Candidate]) -> Candidate | None:
        preferred = settings.frame_extractor.preferred_endpoint(task_type, frame.task_id)
        return choose_for_camera(ones, frame.task_id, preferred)

    return choose


def assign(
    pending: Sequence[PendingFrame],
    candidates: Sequence[Candidate],
    room: int,
    choose: Choose,
) -> dict[int, list[PendingFrame]]:
    """Frames by service pk: an endpoint for each, every choice counting for the next."""
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
