"""Rows and pictures, as the pipeline would have left them."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from sqlalchemy import text

from easyai.db import alert_lists, alerts
from easyai.db.alert_filter import AlertFilter
from easyai.runtime import Runtime

DASHBOARD = "/api/v1/dashboard"
TYPE, CAMERA = "人数统计", "门口2"
STREET = Path(__file__).parents[3] / "examples" / "street.jpg"
_FRAME = {
    "task_type": TYPE,
    "task_id": CAMERA,
    "state": "done",
    "version": "v",
    "captured_at": 1.0,
    "found_at": 2.0,
    "due_at": 2.0,
    "service_pk": None,
    "leased_at": 3.0,
    "settled_at": 4.0,
    "outcome": "no_detection",
    "reason": None,
    "reason_code": None,
    "reason_args": None,
    "image_path": None,
    "image_target": None,
}


class Rows:
    """Writes what a test needs into the database and the folder of the frames."""

    def __init__(self, runtime: Runtime, folder: Path) -> None:
        self.runtime = runtime
        self.folder = folder

    def picture(self, key: str, content: bytes | None = None) -> str:
        """Write a picture, of people in a street by default; returns its key."""
        path = self.folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(STREET.read_bytes() if content is None else content)
        return key

    def alert(self, result: Any = None, **given: Any) -> int:
        """Save an alert; returns its id."""
        row = {
            "frame_id": None,
            "task_id": CAMERA,
            "task_type": TYPE,
            "image_path": "",
            "algorithm_id": "yolo_1",
            "algorithm_name": "人头检测",
            "result": json.dumps(result or {"total_count": 2}),
            "confidence": 0.9,
            "detection_count": 2,
            "inference_time_ms": 45.2,
            "now": time.time(),
        } | given
        with self.runtime.db.write() as conn:
            alerts.add(conn, [row], for_bus=False)
            saved: int = alert_lists.page(conn, AlertFilter(), 1).rows[0].id
        return saved

    def frame(self, key: str, **given: Any) -> int:
        """Add a frame to the ledger; returns its id."""
        row = {**_FRAME, "key": key, **given}
        names = ", ".join(row)
        values = ", ".join(f":{name}" for name in row)
        added: int = self.execute(
            f"INSERT INTO frames ({names}) VALUES ({values}) RETURNING id", **row
        )[0][0]
        return added

    def execute(self, sql: str, **values: Any) -> list[Any]:
        """Run a statement; returns its rows."""
        with self.runtime.db.write() as conn:
            result = conn.execute(text(sql), values)
            return list(result) if result.returns_rows else []
