"""The SQL of waiting frames that an operator discards, by task type and camera."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, text

from easyai.domain.frame import FrameState

_OF_CAMERA: Final = "AND (:task_id = '' OR task_id = :task_id)"
# A statement for each state: its partial index needs a literal state.
_WAITING: Final = {
    state: text(f"""
        SELECT id FROM frames
         WHERE state = '{state}' AND task_type = :task_type {_OF_CAMERA}
           AND found_at <= :until AND image_target IS NULL
         ORDER BY due_at, id LIMIT :most
    """)  # noqa: S608
    for state in (FrameState.PENDING, FrameState.PARKED)
}
_COUNTS: Final = text(
    " UNION ALL ".join(
        f"SELECT '{state}', task_id, count(*) FROM frames"  # noqa: S608
        f" WHERE state = '{state}' AND task_type = :task_type {_OF_CAMERA} GROUP BY task_id"
        for state in (FrameState.PENDING, FrameState.PARKED, FrameState.LEASED)
    )
)
_CAMERAS: Final = text("""
    SELECT DISTINCT task_id FROM (
        SELECT task_id FROM frames
         WHERE state IN ('pending', 'parked') AND task_type = :task_type LIMIT 500
    ) AS some ORDER BY task_id LIMIT :most
""")


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which frames: of a type, and of a single camera unless `task_id` is ''."""

    task_type: str
    task_id: str = ""


def waiting(
    conn: Connection, state: FrameState, chosen: Chosen, until: float, most: int
) -> list[int]:
    """Ids of frames that wait in a state and were found by `until`, the longest waiting first."""
    values = {"task_type": chosen.task_type, "task_id": chosen.task_id}
    rows = conn.execute(_WAITING[state], values | {"until": until, "most": most})
    return list(rows.scalars())


def counts(conn: Connection, chosen: Chosen) -> list[tuple[str, str, int]]:
    """State, camera and number of frames that wait or are in flight."""
    values = {"task_type": chosen.task_type, "task_id": chosen.task_id}
    return [(row[0], row[1], row[2]) for row in conn.execute(_COUNTS, values)]


def cameras(conn: Connection, task_type: str, most: int) -> list[str]:
    """Some cameras with waiting frames of a type."""
    return list(conn.execute(_CAMERAS, {"task_type": task_type, "most": most}).scalars())
