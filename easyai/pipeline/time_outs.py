"""Decides whether a time-out is the fault of the frame or of an overloaded service.

A service that hangs on a picture still answers other frames quickly: at the same time or, if it
gets a single call at a time, before and after. An overloaded service answers late, or most of its
calls time out together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final
from zlib import crc32

from sqlalchemy import Connection

from easyai.db import ledger, statistics
from easyai.db.called_service import CalledService
from easyai.db.ledger import LeasedFrame
from easyai.domain.verdict import CallResult, Verdict

_WINDOW_SEC: Final = 60  # window in which answers and time-outs of a type are compared
_ANSWERS_A_TIME_OUT: Final = 2  # fewer answers per time-out: the service is overloaded
_SLOTS: Final = 3  # of pictures that have timed out more than once
_LONGEST_SLOT_SEC: Final = 30.0


def of_frames(
    conn: Connection,
    calls: Sequence[tuple[LeasedFrame, Verdict]],
    rows: Mapping[int, CalledService],
    now: float,
) -> set[int]:
    """Ids of a group's frames whose time-outs are the frame's fault; `rows` are the services."""
    suspects = [
        (frame, verdict)
        for frame, verdict in calls
        if verdict.kind is CallResult.TIMEOUT
        and _answers_others(conn, rows.get(frame.service_pk), frame, verdict, now)
    ]
    together = Counter(frame.service_pk for frame, v in calls if v.kind is CallResult.TIMEOUT)
    many = {frame.task_type for frame, _ in suspects if together[frame.service_pk] > 1}
    overloaded = _overloaded(conn, many, now) if many else set()
    return {
        frame.id
        for frame, _ in suspects
        if together[frame.service_pk] == 1 or frame.task_type not in overloaded
    }


def apart_sec(frame: LeasedFrame, timeout_sec: float) -> float:
    """How much longer than others a picture waits for its next attempt after repeated time-outs.

    Pictures on which a service hangs return together and would take every call that the service
    allows. Then nothing shows that the service answers other frames. So these pictures are spread
    over slots as long as a time-out, and a further slot is free of them, in which the service gets
    more calls at once again. Slots are drawn anew at each try: two pictures of the same slot will
    probably get different slots at the next try.
    """
    if frame.tries == 0:
        return 0.0
    slot = crc32(f"{frame.id} {frame.tries}".encode()) % _SLOTS
    return (1 + slot) * min(timeout_sec, _LONGEST_SLOT_SEC)


def _answers_others(
    conn: Connection, row: CalledService | None, frame: LeasedFrame, verdict: Verdict, now: float
) -> bool:
    """Whether a service (its row before this settling) answers other frames quickly."""
    if row is None or row.ewma_ms is None:
        return False
    began = now - verdict.elapsed_ms / 1000
    if row.last_success_at - 2 * row.ewma_ms / 1000 > began:
        return True  # it answered a call that began after this frame's call
    if row.breaker_failures > 0 or not 0 < frame.last_failure_at < row.last_success_at:
        return False
    # The call before was answered. If this call was the only call under way, there was no overload.
    return 1 in (row.concurrency_cap, row.max_concurrency) or _is_alone(conn, row)


def _is_alone(conn: Connection, row: CalledService) -> bool:
    """Whether the frame that is being settled is the only frame leased to the service."""
    return ledger.in_flight_at(conn, row.pk) == 1


def _overloaded(conn: Connection, task_types: set[str], now: float) -> set[str]:
    recent, _ = statistics.recent(conn, now, _WINDOW_SEC)
    tallies = {name: recent.get(name, statistics.Tally()) for name in task_types}
    return {
        name
        for name, tally in tallies.items()
        if tally.successes < _ANSWERS_A_TIME_OUT * max(1, tally.failures)
    }
