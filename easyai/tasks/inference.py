"""The task behind every ring: infer the waiting frames of one type for a few seconds."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from easyai.celery import app
from easyai.db import rings
from easyai.tasks.process import process
from easyai.tasks.publisher import INFER_TASK

# Then the task ends and rings again, so that other types, shutdown and deploys get their turn.
PUMP_BUDGET_SEC = 3.0


@app.task(name=INFER_TASK)  # type: ignore[untyped-decorator]
def infer(task_type: str) -> dict[str, Any]:
    """Infer until no frame, no capacity or no time is left; what Flower shows as the result."""
    runtime = process.runtime()
    began = time.monotonic()
    with runtime.db.write() as conn:
        rings.answer(conn, [task_type])
    report = process.pump(task_type, PUMP_BUDGET_SEC)
    if report is None or report.more:
        # None: this process is stopping; another one, or its successor, shall take the work.
        runtime.doorbell.ring_all([task_type])
    outcome = {"stopping": True} if report is None else asdict(report)
    return {**outcome, "task_type": task_type, "seconds": round(time.monotonic() - began, 3)}
