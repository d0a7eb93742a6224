"""Alerts as settling writes them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from easyai.db import alerts
from tests.support.site import TYPE, Installation


def row(camera: str, **columns: Any) -> dict[str, Any]:
    """The values of an alert without a picture."""
    values = {
        "frame_id": None,
        "task_id": camera,
        "task_type": TYPE,
        "image_path": "",
        "algorithm_id": "people-1",
        "algorithm_name": "people counter",
        "result": '{"count": 2}',
        "confidence": 0.9,
        "detection_count": 2,
        "inference_time_ms": 45.2,
        "now": time.time(),
    }
    return values | columns


def settle(conn: Connection, *cameras: str) -> None:
    """Add alerts for the bus, in this order."""
    alerts.add(conn, [row(camera) for camera in cameras], for_bus=True)


def settled(site: Installation, *cameras: str) -> None:
    """Add and commit alerts for the bus, in this order."""
    with site.runtime.db.write() as conn:
        settle(conn, *cameras)


def waiting(site: Installation) -> list[int]:
    """The ids of the alerts that wait for the bus."""
    rows = site.rows("SELECT id FROM alerts WHERE published_at IS NULL ORDER BY id")
    return [row["id"] for row in rows]


def in_order_for_each_camera(received: Sequence[dict[str, Any]]) -> bool:
    """Whether a consumer that ignores repeated ids sees each camera's alerts in order."""
    newest: dict[str, int] = {}
    seen: set[int] = set()
    for alert in received:
        if alert["id"] in seen:
            continue
        seen.add(alert["id"])
        if alert["id"] < newest.get(alert["task_id"], 0):
            return False
        newest[alert["task_id"]] = alert["id"]
    return True
