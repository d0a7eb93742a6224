"""The SQL of waiting frames that an operator discards, by task type and camera."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from sqlalchemy import Connection, text

from easyai.domain.frame import FrameState

_OF_CAMERA: Final = "AND (:task_id = '' OR task_id = :task_id)"
# A statement for each state: its partial index needs a literal state.
_WAITING: Final = {
    state: text(f"""
        SELECT due_at, id FROM frames
         WHERE state = '{state}' AND task_type = :task_type {_OF_CAMERA}
           AND (due_at, id) > (:after_due_at, :after_id)
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


class Waiting(NamedTuple):
    """A frame that waits; its place in the order of the wait."""

    due_at: float  # Unix seconds
    id: int


def waiting(
    conn: Connection,
    state: FrameState,
    chosen: Chosen,
    until: float,
    most: int,
    after: Waiting | None = None,
) -> list[Waiting]:
    """Frames that wait in a state and were found by `until`, the longest waiting first.

    With `after`, only frames that wait after this place, so that parts read no frame twice.
    """
    place = after or Waiting(-1.0, 0)
    values = {
        "task_type": chosen.task_type,
        "task_id": chosen.task_id,
        "until": until,
        "after_due_at": place.due_at,
        "after_id": place.id,
        "most": most,
    }
    return [Waiting(*row) for row in conn.execute(_WAITING[state], values)]


def counts(conn: Connection, chosen: Chosen) -> list[tuple[str, str, int]]:
    """State, camera and number of frames that wait or are in flight."""
    values = {"task_type": chosen.task_type, "task_id": chosen.task_id}
    return [(row[0], row[1], row[2]) for row in conn.execute(_COUNTS, values)]


def cameras(conn: Connection, task_type: str, most: int) -> list[str]:
    """Some cameras with waiting frames of a type."""
    return list(conn.execute(_CAMERAS, {"task_type": task_type, "most": most}).scalars())
