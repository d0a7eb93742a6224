"""The SQL of alerts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, delete, func, select, text

from easyai.db.models import Alert

AlertRow = Row[Any]

_ADD = text("""
    INSERT INTO alerts (frame_id, task_id, task_type, image_path, algorithm_id, algorithm_name,
                        result, confidence, detection_count, inference_time_ms, created_at,
                        updated_at)
    VALUES (:frame_id, :task_id, :task_type, :image_path, :algorithm_id, :algorithm_name,
            :result, :confidence, :detection_count, :inference_time_ms, :now, :now)
""")
# The last condition is the one of the partial index: without it SQLite reads every alert.
_TAKEN = text("""
    SELECT image_path FROM alerts WHERE image_path IN :paths AND image_path <> ''
""").bindparams(bindparam("paths", expanding=True))
_TOLD_SINCE = text("""
    SELECT 1 FROM alerts
     WHERE task_id = 'system' AND task_type = :kind AND result = :message AND created_at > :since
     LIMIT 1
""")
_BEYOND = text("""
    SELECT id FROM alerts
     WHERE (task_id = 'system') = :system
       AND id < (SELECT id FROM alerts WHERE (task_id = 'system') = :system
                  ORDER BY id DESC LIMIT 1 OFFSET :kept - 1)
     ORDER BY id LIMIT :most
""")
_COLUMNS = Alert.__table__.c
_TASK_IDS = text("SELECT DISTINCT task_id FROM alerts ORDER BY task_id")


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """Which alerts to list; times are Unix seconds, None means any."""

    task_id: str | None = None
    task_type: str | None = None
    min_detections: int | None = None
    max_detections: int | None = None
    start_time: float | None = None
    end_time: float | None = None


def add(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Save alerts."""
    if rows:
        conn.execute(_ADD, list(rows))


def taken_paths(conn: Connection, paths: Sequence[str]) -> set[str]:
    """Those of the picture paths that an alert has already."""
    return set(conn.execute(_TAKEN, {"paths": paths}).scalars()) if paths else set()


def told_since(conn: Connection, kind: str, message: str, since: float) -> bool:
    """Whether a system alert of this kind said the same after a moment."""
    values = {"kind": kind, "message": message, "since": since}
    return conn.execute(_TOLD_SINCE, values).first() is not None


def beyond(conn: Connection, kept: int, most: int) -> list[int]:
    """The ids of the oldest alerts, up to `most` of each kind, beyond the newest `kept`.

    Alerts of cameras and of the system are kept apart: neither pushes the other out.
    """
    return [
        alert_id
        for system in (False, True)
        for alert_id in conn.execute(
            _BEYOND, {"kept": kept, "most": most, "system": system}
        ).scalars()
    ]


def page(
    conn: Connection, wanted: AlertFilter, limit: int, offset: int
) -> tuple[list[AlertRow], int]:
    """Alerts newest first, and how many there are in all."""
    listing = _where(select(*_COLUMNS), wanted)
    total = conn.execute(_where(select(func.count()).select_from(Alert), wanted)).scalar_one()
    ordered = listing.order_by(_COLUMNS.id.desc()).limit(limit).offset(offset)
    return list(conn.execute(ordered)), total


def get(conn: Connection, alert_id: int) -> AlertRow | None:
    """One alert, or None."""
    return conn.execute(select(*_COLUMNS).where(_COLUMNS.id == alert_id)).first()


def remove(conn: Connection, ids: Sequence[int]) -> list[AlertRow]:
    """Delete alerts; the rows that were there."""
    removed = []
    for start in range(0, len(ids), 500):
        chunk = delete(Alert).where(_COLUMNS.id.in_(ids[start : start + 500]))
        removed += list(conn.execute(chunk.returning(*_COLUMNS)))
    return removed


def task_ids(conn: Connection) -> list[str]:
    """The cameras that alerts exist of."""
    return list(conn.execute(_TASK_IDS).scalars())


def _where(statement: Select[Any], wanted: AlertFilter) -> Select[Any]:
    conditions = (
        (_COLUMNS.task_id, "__eq__", wanted.task_id),
        (_COLUMNS.task_type, "__eq__", wanted.task_type),
        (_COLUMNS.detection_count, "__ge__", wanted.min_detections),
        (_COLUMNS.detection_count, "__le__", wanted.max_detections),
        (_COLUMNS.created_at, "__ge__", wanted.start_time),
        (_COLUMNS.created_at, "__le__", wanted.end_time),
    )
    for column, operator, value in conditions:
        if value is not None:
            statement = statement.where(getattr(column, operator)(value))
    return statement
