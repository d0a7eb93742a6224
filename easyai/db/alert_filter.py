"""Which alerts a list shows, and the SQL of this choice."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

_CONDITIONS: Final = (
    ("task_id", "task_id = :task_id"),
    ("task_type", "task_type = :task_type"),
    ("min_detections", "detection_count >= :min_detections"),
    ("max_detections", "detection_count <= :max_detections"),
    ("start_time", "created_at >= :start_time"),
    ("end_time", "created_at <= :end_time"),
)
_EXTRAS: Final = (
    ("algorithm_id", "algorithm_id = :algorithm_id"),
    ("min_confidence", "confidence >= :min_confidence"),
)
_MARKED: Final = "SELECT 1 FROM alert_reviews WHERE alert_reviews.alert_id = {read}.id"
_REVIEWED: Final = {True: f"EXISTS ({_MARKED})", False: f"NOT EXISTS ({_MARKED})"}


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


@dataclass(frozen=True, slots=True)
class AlertChoice:
    """Which alerts the dashboard shows; None means any."""

    plain: AlertFilter = field(default_factory=AlertFilter)
    algorithm_id: str | None = None
    min_confidence: float | None = None
    reviewed: bool | None = None

    @property
    def is_plain(self) -> bool:
        """Whether the indexes of lists know the whole choice."""
        return not any(
            value is not None for value in (self.algorithm_id, self.min_confidence, self.reviewed)
        )

    @property
    def columns(self) -> str:
        """The columns that the conditions of `extra` need; only the id is in each index."""
        is_in_rows = self.algorithm_id is not None or self.min_confidence is not None
        return "id, algorithm_id, confidence" if is_in_rows else "id"

    def extra(self, read: str = "read") -> tuple[str, dict[str, Any]]:
        """The conditions that no index knows, on the rows of `read`, and their parameters."""
        given = [(sql, name) for name, sql in _EXTRAS if getattr(self, name) is not None]
        parts = [sql for sql, _ in given]
        if self.reviewed is not None:
            parts.append(_REVIEWED[self.reviewed].format(read=read))
        return " AND ".join(parts) or "true", {name: getattr(self, name) for _, name in given}
