"""The SQL of cameras: which there are, the newest picture of each, and how many frames wait."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Row, text

from easyai.db.alerts import AlertRow

MOST_CAMERAS: Final = 1000
_NEWEST: Final = 2000  # frames of the ledger that are searched for pictures without an alert
_WAITING: Final = 5000  # waiting frames that are counted, of each state
# Jumps from camera to camera in the index, see db/alert_lists.py.
_ALERTS: Final = text("""
    WITH RECURSIVE camera (task_id, place) AS (
        SELECT (SELECT task_id FROM alerts ORDER BY task_id LIMIT 1), 1
        UNION ALL
        SELECT (SELECT alerts.task_id FROM alerts WHERE alerts.task_id > camera.task_id
                 ORDER BY alerts.task_id LIMIT 1), place + 1
          FROM camera WHERE camera.task_id IS NOT NULL AND place < :most
    )
    SELECT * FROM alerts WHERE id IN (
        SELECT (SELECT id FROM alerts WHERE alerts.task_id = camera.task_id
                 ORDER BY id DESC LIMIT 1)
          FROM camera WHERE task_id IS NOT NULL AND task_id <> 'system'
    )
""")
_NEWEST_ID: Final = text("SELECT coalesce(max(id), 0) FROM frames")
# The id comes from a statement of its own: after the id of a subquery PostgreSQL expects a third of
# the table, and starts parallel workers. A picture that is gone, or about to go, is none.
_FRAMES: Final = text("""
    SELECT id, task_id, task_type, found_at FROM frames WHERE id IN (
        SELECT max(id) FROM frames
         WHERE id > :after
           AND coalesce(image_path, 'k') <> '' AND coalesce(image_target, 'k') <> ''
         GROUP BY task_id
    )
""")
_FRAMES_OF: Final = text("""
    SELECT id, task_id, task_type, found_at FROM (
        SELECT id, task_id, task_type, found_at, image_path, image_target FROM frames
         WHERE id > :after
    ) AS newest
     WHERE task_id = :task_id
       AND coalesce(image_path, 'k') <> '' AND coalesce(image_target, 'k') <> ''
     ORDER BY id DESC LIMIT 1
""")
# In the order of the partial indexes: PostgreSQL, which expects to find enough soon, would read the
# table from its begin, and frames that wait are at its end.
_COUNT: Final = text("""
    SELECT task_id, count(*) AS frames FROM (
        SELECT * FROM (SELECT task_id FROM frames WHERE state = 'pending'
                        ORDER BY task_type, due_at, id LIMIT :most) AS pending
        UNION ALL
        SELECT * FROM (SELECT task_id FROM frames WHERE state = 'parked'
                        ORDER BY task_type, due_at, id LIMIT :most) AS parked
    ) AS waiting GROUP BY task_id
""")


class NewestFrame(NamedTuple):
    """The newest frame of a camera whose picture is still there."""

    id: int
    task_id: str
    task_type: str
    found_at: float


def newest_alerts(conn: Connection, most: int = MOST_CAMERAS) -> dict[str, AlertRow]:
    """The newest alert of each camera."""
    return {row.task_id: row for row in conn.execute(_ALERTS, {"most": most})}


def newest_frames(conn: Connection) -> dict[str, NewestFrame]:
    """The newest frame with a picture by camera, of the newest thousands of the ledger."""
    rows = conn.execute(_FRAMES, {"after": _newest_id(conn) - _NEWEST})
    return {row.task_id: _frame(row) for row in rows}


def newest_frame(conn: Connection, task_id: str) -> NewestFrame | None:
    """The newest frame of a camera with a picture, of the newest 20,000 of the ledger."""
    place = {"after": _newest_id(conn) - 10 * _NEWEST, "task_id": task_id}
    row = conn.execute(_FRAMES_OF, place).first()
    return None if row is None else _frame(row)


def waiting(conn: Connection) -> dict[str, int]:
    """Count waiting frames by camera, of the first 5,000 of each state."""
    rows = conn.execute(_COUNT, {"most": _WAITING})
    return {row.task_id: row.frames for row in rows}


def _newest_id(conn: Connection) -> int:
    return int(conn.execute(_NEWEST_ID).scalar_one())


def _frame(row: Row[Any]) -> NewestFrame:
    return NewestFrame(row.id, row.task_id, row.task_type, row.found_at)
