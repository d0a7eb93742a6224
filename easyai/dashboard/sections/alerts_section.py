"""The alerts: how many there are, and those that are new."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row

from easyai.dashboard.sections.section import Shown
from easyai.db import live_rows

_MOST: Final = 50


class AlertsSection:
    """The newest alerts; a tab that knows them gets those that came since the last reading."""

    name = "alerts"

    def __init__(self) -> None:
        self._total = 0
        self._newest_id = 0
        self._recent: list[dict[str, Any]] = []
        self._known_id = 0  # the newest alert of the reading before
        self._rows: Sequence[Row[Any]] = ()

    def read(self, conn: Connection, now: float) -> None:
        """Read the alerts that came since the last reading, at most the newest fifty."""
        before, self._known_id = self._total, self._newest_id
        self._total, self._newest_id = live_rows.alerts(conn)
        if self._total < before:  # deleted alerts must not be shown again
            self._recent, after = [], 0
        else:
            after = self._known_id
        self._rows = ()
        if self._newest_id > after:
            self._rows = live_rows.newer_alerts(conn, after, _MOST)

    def show(self, language: str) -> Shown:
        """The newest alerts, newest first."""
        if self._rows:
            self._recent = ([_item(row) for row in self._rows] + self._recent)[:_MOST]
            self._rows = ()
        new = [item for item in self._recent if item["id"] > self._known_id]
        head = {"newest_id": self._newest_id, "total": self._total}
        return Shown(head | {"recent": self._recent}, head | {"recent": new})


def _item(row: Row[Any]) -> dict[str, Any]:
    return {
        "id": row.id,
        "task_id": row.task_id,
        "task_type": row.task_type,
        "created_at": row.created_at,
        "algorithm_id": row.algorithm_id,
        "algorithm_name": row.algorithm_name,
        "confidence": row.confidence,
        "detection_count": row.detection_count,
        "inference_time_ms": row.inference_time_ms,
        "thumb": None,
        "picture": None,
        "size": None,
        "boxes": [],
        "regions": [],
        "reviewed": None,
    }
