"""``celery -A easyai control rate_limit``: why it has no effect here, and which setting has.

Celery's own limit would hold back messages. But a wake carries no frame, and a scan that is held
back finds frames late. Loaded by workers only.
"""

from __future__ import annotations

from typing import Any

from celery.worker.control import control_command, nok
from celery.worker.control import rate_limit as celery_rate_limit

from easyai.tasks.wake_publisher import INFER_TASK

_OURS = "easyai."


@control_command(  # type: ignore[untyped-decorator]
    args=[("task_name", str), ("rate_limit", str)],
    signature="<task_name> <rate_limit (e.g., 5/s | 5/m | 5/h)>",
)
def rate_limit(state: Any, task_name: str, rate_limit: str, **kwargs: Any) -> Any:
    """Answer which setting to use instead, for the tasks of easyai; nothing is changed."""
    if not task_name.startswith(_OURS):
        return celery_rate_limit(state, task_name, rate_limit, **kwargs)
    return nok(how_to_limit(task_name, rate_limit))


def how_to_limit(task_name: str, rate: str) -> str:
    """The setting that an operator uses instead of Celery's rate limit."""
    if task_name != INFER_TASK:
        return (
            f"{task_name} has no rate limit, nothing was changed; how often it runs is set in the "
            "settings file, under [ai_analysis]: scan_interval_sec, alert_batch_interval_sec"
        )
    return (
        f"{task_name} only wakes the worker, nothing was changed; to limit how many frames of a "
        "task type are sent to its algorithms, over all workers, set in the settings file "
        f'[ai_analysis.types."<task_type>"] rate_limit = "{rate}" (such as "30/s" or "100/m"); it '
        "is in force within seconds"
    )
