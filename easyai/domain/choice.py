"""Which endpoint takes a frame."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from easyai.domain.service import Candidate

_UNMEASURED_MS = 50.0  # when no service of the type has been measured yet


def choose_fastest(candidates: Sequence[Candidate], avoid: int | None = None) -> Candidate | None:
    """The endpoint with the least expected completion time, (in flight + 1) × EWMA latency.

    A suspect comes last, the endpoint that failed this frame before (`avoid`, a pk) after the
    others of its kind; a service never measured counts as the median. None when all are full.
    """
    open_ones = [candidate for candidate in candidates if candidate.free != 0]
    if not open_ones:
        return None
    measured = [candidate.ewma_ms for candidate in candidates if candidate.ewma_ms is not None]
    typical_ms = median(measured) if measured else _UNMEASURED_MS

    def expected(candidate: Candidate) -> tuple[bool, bool, float, int, int]:
        latency_ms = typical_ms if candidate.ewma_ms is None else candidate.ewma_ms
        completion_ms = (candidate.in_flight + 1) * latency_ms
        return (
            candidate.suspect,
            candidate.pk == avoid,
            completion_ms,
            candidate.call_count,
            candidate.pk,
        )

    return min(open_ones, key=expected)


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


def with_one_more(candidate: Candidate) -> Candidate:
    """The candidate after one further request was given to it."""
    free = None if candidate.free is None else candidate.free - 1
    return replace(
        candidate,
        in_flight=candidate.in_flight + 1,
        free=free,
        call_count=candidate.call_count + 1,
    )


def _weight(endpoint: str, task_id: str) -> bytes:
    return hashlib.blake2b(f"{endpoint}\n{task_id}".encode(), digest_size=8).digest()
