"""The SQL of frames that wait: how many, and which of them go next.

Pending frames wait for a service or for their next attempt; parked ones (db/admission.py) since
their type had no live service, and go when no pending one of their type can.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, text

from easyai.db.locks import Skipping
from easyai.domain.breaker import LONGEST_PAUSE_SEC, LONGEST_RETRY_SEC

# No wait of a frame or an endpoint is longer, clocks that differ included.
LONGEST_WAIT_SEC: Final = 2 * LONGEST_PAUSE_SEC


@dataclass(frozen=True, slots=True)
class PendingFrame:
    """A frame, pending or parked, that may be leased now."""

    id: int
    key: str
    task_type: str
    task_id: str
    version: str
    image_path: str | None
    attempts: int
    tries: int
    last_failure_at: float
    avoid_service: int | None


_COUNTS = text("SELECT task_type, count(*) FROM frames WHERE state = 'pending' GROUP BY task_type")
_DUE_TYPES = text("""
    SELECT name FROM task_types
     WHERE EXISTS (SELECT 1 FROM frames
                    WHERE state = 'pending' AND task_type = task_types.name AND due_at <= :now)
        OR EXISTS (SELECT 1 FROM frames
                    WHERE state = 'parked' AND task_type = task_types.name AND due_at <= :now)
""")
_DUE = text("""
    SELECT id, key, task_type, task_id, version, image_path, attempts, tries, last_failure_at,
           avoid_service
      FROM frames
     WHERE state = 'pending' AND task_type = :task_type AND due_at <= :now
     ORDER BY due_at, id LIMIT :most
""")
# Whenever they are due: what they waited for is there, or they would not be asked for.
_PARKED = text("""
    SELECT id, key, task_type, task_id, version, image_path, attempts, tries, last_failure_at,
           avoid_service
      FROM frames
     WHERE state = 'parked' AND task_type = :task_type
     ORDER BY due_at, id LIMIT :most
""")
_COUNT_DUE = text("""
    SELECT count(*) FROM (
        SELECT 1 FROM frames
         WHERE state = 'pending' AND task_type = :task_type AND due_at <= :now LIMIT :most
    ) AS due
""")
_COUNT_PARKED = text("""
    SELECT count(*) FROM (
        SELECT 1 FROM frames WHERE state = 'parked' AND task_type = :task_type LIMIT :most
    ) AS parked
""")
# For types with a state per camera: the oldest waiting frame of each camera that has none in
# flight. The recursion jumps from camera to camera along the index instead of reading every frame.
# One that waits longer than any retry has stepped aside (domain/fate.py) and holds up no others.
_DUE_HEADS = text("""
    WITH RECURSIVE camera(stream) AS (
        SELECT min(stream) FROM frames
         WHERE state = 'pending' AND stream IS NOT NULL AND task_type = :task_type
        UNION ALL
        SELECT (SELECT min(stream) FROM frames
                 WHERE state = 'pending' AND stream IS NOT NULL AND task_type = :task_type
                   AND stream > camera.stream)
          FROM camera WHERE camera.stream IS NOT NULL
    )
    SELECT head.id, head.key, head.task_type, head.task_id, head.version, head.image_path,
           head.attempts, head.tries, head.last_failure_at, head.avoid_service
      FROM camera JOIN frames AS head ON head.id = (
           SELECT id FROM frames
            WHERE state = 'pending' AND stream IS NOT NULL AND task_type = :task_type
              AND stream = camera.stream
              AND (due_at <= :now OR last_failure_at = 0
                   OR due_at - last_failure_at <= :longest_wait)
            ORDER BY captured_at, id LIMIT 1)
     WHERE head.due_at <= :now
       AND NOT EXISTS (SELECT 1 FROM frames AS held
                        WHERE held.state = 'leased' AND held.task_type = :task_type
                          AND held.stream = camera.stream)
     ORDER BY head.due_at, head.id LIMIT :most
""")
# One that another transaction holds is being leased, or hurried by it: no reason to wait for it.
_HURRY = Skipping(
    """
    UPDATE frames SET due_at = :now
     WHERE id IN (SELECT id FROM frames
                   WHERE state = 'pending' AND due_at > :now AND due_at <= :furthest
                     AND task_type IN :task_types {skipping})
    """,
    "task_types",
)


def counts(conn: Connection) -> dict[str, int]:
    """Pending frames by task type, parked ones apart; reads every one of them."""
    return {row[0]: row[1] for row in conn.execute(_COUNTS)}


def due_types(conn: Connection, now: float) -> list[str]:
    """Task types with a frame, parked or not, that may be leased now; two index look-ups a type."""
    return list(conn.execute(_DUE_TYPES, {"now": now}).scalars())


def due(conn: Connection, task_type: str, now: float, most: int) -> list[PendingFrame]:
    """Frames of a type to lease next, oldest first."""
    values = {"task_type": task_type, "now": now, "most": most}
    return [PendingFrame(*row) for row in conn.execute(_DUE, values)]


def parked(conn: Connection, task_type: str, most: int) -> list[PendingFrame]:
    """Parked frames of a type to lease with the room that live ones leave, oldest first."""
    values = {"task_type": task_type, "most": most}
    return [PendingFrame(*row) for row in conn.execute(_PARKED, values)]


def count_due(conn: Connection, task_type: str, now: float, most: int) -> int:
    """How many frames of a type, parked ones too, may be leased now, up to `most`."""
    values = {"task_type": task_type, "now": now, "most": most}
    count: int = conn.execute(_COUNT_DUE, values).scalar_one()
    if count < most:
        values = {"task_type": task_type, "most": most - count}
        count += conn.execute(_COUNT_PARKED, values).scalar_one()
    return count


def due_heads(conn: Connection, task_type: str, now: float, most: int) -> list[PendingFrame]:
    """The next frame of each camera that has none in flight, for types with a state per camera."""
    values = {"task_type": task_type, "now": now, "most": most}
    values["longest_wait"] = LONGEST_RETRY_SEC + 1
    return [PendingFrame(*row) for row in conn.execute(_DUE_HEADS, values)]


def hurry(conn: Connection, task_types: Iterable[str], now: float) -> None:
    """Make frames of these types due now: something they waited for has come back.

    Those that wait longer than any retry are left to the sweep: the clock was set back, and they
    may be a million (db/upkeep.py).
    """
    if names := sorted(set(task_types)):
        values = {"task_types": names, "now": now, "furthest": now + LONGEST_WAIT_SEC}
        conn.execute(_HURRY.on(conn), values)
