"""The SQL of limits for each camera: which of its waiting frames exceed the limit."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, text

from easyai.domain.frame import FrameState

# Each sub-select reads only the index of its state, and no more rows than needed.
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
    """Whether more than `limit` frames of a type, of all cameras, are pending or parked."""
    values = {"task_type": task_type, "most": limit + 1}
    waiting: int = conn.execute(_WAITING, values).scalar_one()
    return waiting > limit


def beyond(
    conn: Connection, task_type: str, cameras: Sequence[str], limit: int, most: int
) -> dict[FrameState, list[int]]:
    """Ids, by state, of waiting frames whose camera has `limit` newer waiting frames.

    The oldest frames come first, up to `most`. Reads every waiting frame of the type.
    """
    values = {"task_type": task_type, "cameras": list(cameras), "limit": limit, "most": most}
    ids: dict[FrameState, list[int]] = {}
    for state, frame_id in conn.execute(_BEYOND, values):
        ids.setdefault(FrameState(state), []).append(frame_id)
    return ids
