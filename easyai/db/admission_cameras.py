"""The SQL of limits of single cameras: which of their waiting frames are too many."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, text

from easyai.domain.frame import FrameState

# Each reads the index of its state alone, and no more of it than needed.
_WAITING = text("""
    SELECT (SELECT count(*) FROM (SELECT 1 FROM frames
             WHERE state = 'pending' AND task_type = :task_type LIMIT :most) AS pending)
         + (SELECT count(*) FROM (SELECT 1 FROM frames
             WHERE state = 'parked' AND task_type = :task_type LIMIT :most) AS parked)
""")
_BEYOND = text("""
    SELECT state, id FROM (
        SELECT id, state, row_number() OVER (PARTITION BY task_id
                   ORDER BY captured_at DESC, id DESC) AS place
          FROM (SELECT id, state, task_id, captured_at FROM frames
                 WHERE state = 'pending' AND task_type = :task_type AND task_id IN :cameras
                UNION ALL
                SELECT id, state, task_id, captured_at FROM frames
                 WHERE state = 'parked' AND task_type = :task_type AND task_id IN :cameras)
               AS waiting
    ) AS placed
     WHERE place > :limit ORDER BY place DESC, id LIMIT :most
""").bindparams(bindparam("cameras", expanding=True))


def more_wait(conn: Connection, task_type: str, limit: int) -> bool:
    """Whether more than so many frames of a type, of any camera, are pending or parked."""
    values = {"task_type": task_type, "most": limit + 1}
    waiting: int = conn.execute(_WAITING, values).scalar_one()
    return waiting > limit


def beyond(
    conn: Connection, task_type: str, cameras: Sequence[str], limit: int, most: int
) -> dict[FrameState, list[int]]:
    """Ids by state of the frames that wait though their camera has `limit` newer ones waiting.

    The oldest first; up to `most`. Reads every waiting frame of the type.
    """
    values = {"task_type": task_type, "cameras": list(cameras), "limit": limit, "most": most}
    ids: dict[FrameState, list[int]] = {}
    for state, frame_id in conn.execute(_BEYOND, values):
        ids.setdefault(FrameState(state), []).append(frame_id)
    return ids
