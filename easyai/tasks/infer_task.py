"""The Celery task of a wake: it makes the dispatcher of this worker look for frames of a task type.

The task ends at once: it holds no thread while frames are inferred.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from celery import shared_task

from easyai.tasks.process import process_of
from easyai.tasks.wake_publisher import INFER_TASK

if TYPE_CHECKING:
    from easyai.pipeline.frame_log import Counts


@shared_task(bind=True, name=INFER_TASK)  # type: ignore[untyped-decorator]
def infer(self: Any, task_type: str) -> str:
    """Wake the dispatcher of this process.

    Flower shows the result: the counts of the type's frames in this process since its last wake.
    """
    process = process_of(self.app)
    counts = process.wake(task_type)
    if counts is None:
        # This process is stopping; another process, or its successor, takes the frames.
        process.runtime().doorbell.ring_all([task_type])
        return f"{task_type}: this worker is stopping, another worker is woken"
    return sentence(task_type, counts)


def sentence(task_type: str, counts: Counts) -> str:
    """The counts of a type in words, such as "人数统计: 12 done, 1 failed"."""
    numbers = {
        "sent": counts.frames,
        "done": counts.finished - counts.failed,
        "saved as alerts": counts.alerts,
        "failed": counts.failed,
        "to be tried again": counts.returned,
        "too late": counts.late,
    }
    words = [f"{number} {outcome}" for outcome, number in numbers.items() if number]
    return f"{task_type}: {', '.join(words) or 'woken'}"
