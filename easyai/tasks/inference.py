"""The task behind every ring: a wake, which holds no thread while the frames are inferred."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from easyai.celery import app
from easyai.tasks.process import process
from easyai.tasks.publisher import INFER_TASK


@app.task(name=INFER_TASK)  # type: ignore[untyped-decorator]
def infer(task_type: str) -> dict[str, Any]:
    """Wake the dispatcher of this process.

    What Flower shows as the result: what became of the type's frames here since its last message.
    """
    counts = process.wake(task_type)
    if counts is None:
        # This process is stopping; another one, or its successor, shall take the work.
        process.runtime().doorbell.ring_all([task_type])
        return {"task_type": task_type, "stopping": True}
    return {"task_type": task_type, **asdict(counts)}
