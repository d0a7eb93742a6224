"""Alerts with the given values, inserted as a program of another release would."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, text

_INSERT = text("""
    INSERT INTO alerts (id, task_id, task_type, image_path, algorithm_id, algorithm_name, result,
                        confidence, detection_count, inference_time_ms, created_at, updated_at)
    VALUES (:id, :task_id, :task_type, '', :algorithm_id, 'a', '{}', 1, :detection_count, 1,
            :created_at, 1)
""")


def insert(conn: Connection, **values: Any) -> None:
    """Insert an alert: id, task_id, task_type, detection_count, created_at; also algorithm_id."""
    insert_all(conn, [values])


def insert_all(conn: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Insert many alerts, each given as for `insert`."""
    conn.execute(_INSERT, [{"algorithm_id": "a", **row} for row in rows])
