"""The alerts: how many there are, and those that are new."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row

from easyai.dashboard import alert_items
from easyai.dashboard.sections.section import Shown
from easyai.db import alert_reviews, live_rows
from easyai.db.alert_reviews import Review
from easyai.runtime import Runtime

_MOST: Final = 50


class AlertsSection:
    """The newest alerts; a tab that knows them gets those that came since the last reading."""

    name = "alerts"
    rest = 0  # a few rows: a new alert is shown at once

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._total = 0
        self._newest_id = 0
        self._recent: list[dict[str, Any]] = []
        self._known_id = 0  # the newest alert of the reading before
        self._rows: Sequence[Row[Any]] = ()
        self._reviews: dict[int, Review] = {}

    def read(self, conn: Connection, now: float) -> None:
        """Read the alerts that came since the last reading, at most the newest fifty."""
        before, self._known_id = self._total, self._newest_id
        self._total, self._newest_id = live_rows.alerts(conn)
        # Deleted alerts must not be shown again, nor those that a restored backup does not have.
        if self._total < before or self._newest_id < self._known_id:
            self._recent, after = [], 0
        else:
            after = self._known_id
        self._rows = ()
        if self._newest_id > after:
            self._rows = live_rows.newer_alerts(conn, after, _MOST)
            self._reviews = alert_reviews.of(conn, [row.id for row in self._rows])

    def show(self, language: str) -> Shown:
        """The newest alerts, newest first."""
        if self._rows:
            items = alert_items.items(self._runtime, self._rows, self._reviews)
            new = [alert_items.small(item) for item in items]
            self._recent = (new + self._recent)[:_MOST]
            self._rows = ()
        new = [item for item in self._recent if item["id"] > self._known_id]
        head = {"newest_id": self._newest_id, "total": self._total}
        return Shown(head | {"recent": self._recent}, head | {"recent": new})
