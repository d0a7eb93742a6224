"""Why an alert is an alert: which frame was sent where, and when, as far as it is kept."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from easyai.dashboard.camera_regions import CameraRegions
from easyai.db import frames
from easyai.db.alerts import AlertRow
from easyai.masking import hide_credentials
from easyai.runtime import Runtime

_UNKNOWN = {"captured": None, "found": None, "leased": None, "settled": None}


def of(conn: Connection, row: AlertRow) -> dict[str, Any]:
    """The request, the endpoint and the times of an alert; null for what is not kept any more."""
    frame = frames.get(conn, row.frame_id) if row.frame_id is not None else None
    if frame is None:
        return {"request": None, "endpoint": None, "times": _UNKNOWN, "frame_id": None}
    return {
        # The algo_config that was sent is not kept: the page gets the present one.
        "request": {
            "task_id": frame.task_id,
            "task_type": frame.task_type,
            "image_path": frame.key,
        },
        "endpoint": frame.endpoint and hide_credentials(frame.endpoint),
        "times": {
            "captured": frame.captured_at,
            "found": frame.found_at,
            "leased": frame.leased_at,
            "settled": frame.settled_at,
        },
        "frame_id": frame.id,
    }


def algo_config(runtime: Runtime, row: AlertRow) -> Any:
    """The present configuration of an alert's camera; None where it has none."""
    camera = (row.task_type, row.task_id)
    return runtime.part(CameraRegions).configs([camera])[camera]
