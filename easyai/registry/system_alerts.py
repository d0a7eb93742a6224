"""System alerts: what operators must know, as alerts of camera `system` (contract, section 5)."""

from __future__ import annotations

import logging
import time
from typing import Final

from easyai.db import alerts, ledger, services
from easyai.runtime import Runtime

log = logging.getLogger(__name__)

REPEAT_SEC: Final = 3600.0  # an alert that still holds is told again after this long
_GRACE_SEC: Final = 30.0  # frames that wait no longer than this are no outage


def check(runtime: Runtime) -> None:
    """Tell of types without a service and of a backlog; reads every pending frame once."""
    now, limit = time.time(), runtime.settings.ai_analysis.max_queue_size
    with runtime.db.read() as conn:
        waiting = ledger.waiting(conn)
        overdue = set(ledger.due_types(conn, now - _GRACE_SEC))
        served = set(services.served_types(conn, float("inf")))
    for task_type in sorted(overdue - served):
        message = f"no algorithm for task type: {task_type}; its frames wait until one registers"
        if _tell(runtime, "no_algorithm", message, now):
            log.warning("%s: frames=%d", message, waiting.get(task_type, 0))
    total = sum(waiting.values())
    if limit and total > limit:
        message = f"inference backlog alert: more than {limit} frames wait"
        if _tell(runtime, "queue_backlog", message, now):
            log.warning("%s: frames=%d", message, total)


def _tell(runtime: Runtime, kind: str, message: str, now: float) -> bool:
    """Save a system alert, unless the same was told a moment ago; whether it was saved."""
    with runtime.db.write() as conn:
        if alerts.told_since(conn, kind, message, now - REPEAT_SEC):
            return False
        alerts.add(conn, [_row(kind, message, now)])
    return True


def _row(kind: str, message: str, now: float) -> dict[str, object]:
    return {
        "frame_id": None,
        "task_id": "system",
        "task_type": kind,
        "image_path": "",
        "algorithm_id": "system_monitor",
        "algorithm_name": "system_monitor",
        "result": message,
        "confidence": 0.0,
        "detection_count": 0,
        "inference_time_ms": 0.0,
        "now": now,
    }
