"""Which alerts a list shows, and the SQL of this choice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

_CONDITIONS: Final = (
    ("task_id", "task_id = :task_id"),
    ("task_type", "task_type = :task_type"),
    ("min_detections", "detection_count >= :min_detections"),
    ("max_detections", "detection_count <= :max_detections"),
    ("start_time", "created_at >= :start_time"),
    ("end_time", "created_at <= :end_time"),
)


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """Which alerts to list; times are Unix seconds, None means any."""

    task_id: str | None = None
    task_type: str | None = None
    min_detections: int | None = None
    max_detections: int | None = None
    start_time: float | None = None
    end_time: float | None = None

    def conditions(self) -> tuple[str, dict[str, Any]]:
        """The conditions on a row of `alerts`, each after an AND, and their parameters."""
        given = [
            (sql, name, value)
            for name, sql in _CONDITIONS
            if (value := getattr(self, name)) is not None
        ]
        return "".join(f" AND {sql}" for sql, _, _ in given), {
            name: value for _, name, value in given
        }
