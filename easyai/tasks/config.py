"""Celery's configuration, derived from the settings of easyai.

An operator changes single values in ``celeryconfig.py``, below its last line. That file imports
this module: its name and `celery_settings` stay, for the copies of operators and other releases.
"""

from __future__ import annotations

from typing import Any

from easyai.broker.options import broker_settings
from easyai.broker.queue_names import CONTROL_QUEUE, EVENT_EXCHANGE
from easyai.settings.schema import AiAnalysis, Settings
from easyai.system.logs import FORMAT

SCAN_TASK = "easyai.scan"
SWEEP_TASK = "easyai.sweep"
UPKEEP_TASK = "easyai.upkeep"
PUBLISH_TASK = "easyai.publish"
SWEEP_INTERVAL_SEC = 5.0
UPKEEP_INTERVAL_SEC = 60.0
PERIODIC = (SCAN_TASK, SWEEP_TASK, UPKEEP_TASK, PUBLISH_TASK)
# Ticks sent while no worker runs lose their meaning. Ticks that are left over make a single run,
# because each run claims its task. The time counts by the database's clock (tasks/request.py).
TICK_EXPIRES_SEC = 30.0


def celery_settings(settings: Settings) -> dict[str, Any]:
    """Celery's configuration for these settings."""
    return {
        **broker_settings(settings),
        **_worker(),
        **_beat(settings.ai_analysis),
        "imports": (
            "easyai.tasks.periodic",
            "easyai.tasks.publish_task",
            "easyai.tasks.infer_task",
        ),
        "task_default_queue": CONTROL_QUEUE,
        # Without the exchange, Celery would use the nameless exchange, which no declaration shows.
        "task_routes": {
            name: {
                "queue": CONTROL_QUEUE,
                "exchange": CONTROL_QUEUE,
                "routing_key": CONTROL_QUEUE,
            }
            for name in PERIODIC
        },
        # The ledger holds results; a message only wakes.
        "task_ignore_result": True,
        "result_backend": None,
        "task_serializer": "json",
        "accept_content": ["json"],
        # Names of our own, in case another Celery application uses the same broker.
        "control_exchange": "easyai",
        "event_exchange": EVENT_EXCHANGE,
        "event_queue_prefix": "easyaiev",
    }


def _worker() -> dict[str, Any]:
    return {
        # Threads start on demand. A wake takes a moment, and each periodic task has a thread of its
        # own.
        "worker_pool": "easyai.tasks.pool:TaskPool",
        "worker_consumer": "easyai.tasks.consumer:Consumer",
        "worker_concurrency": 8,
        "worker_prefetch_multiplier": 1,
        # After a lost connection, Celery would begin below the least prefetch of tasks/consumer.py.
        "worker_enable_prefetch_count_reduction": False,
        # Celery's limits hold back messages, which only wake a worker. Frames are limited by
        # ai_analysis.types.<type>.rate_limit.
        "worker_disable_rate_limits": True,
        # Each queue has its own prefetch anyway (broker/connection.py), as quorum queues require.
        "worker_detect_quorum_queues": False,
        # A wake is acknowledged when a worker takes it. A lost wake costs a scan; a wake that is
        # delivered twice costs a query of the ledger.
        "task_acks_late": False,
        # Concerns late acknowledgement only; unset, Celery warns at every reconnect.
        "worker_cancel_long_running_tasks_on_connection_loss": True,
        # Events cost as much as a small task: an operator switches them on with -E to watch.
        "worker_send_task_events": False,
        # Another message for each wake and tick, watched or not, would nearly double their cost.
        "task_send_sent_event": False,
        "worker_hijack_root_logger": True,
        "worker_redirect_stdouts": False,
        "worker_log_format": FORMAT,
        "worker_task_log_format": FORMAT,
        "worker_log_color": False,
    }


def _beat(analysis: AiAnalysis) -> dict[str, Any]:
    def every(task: str, seconds: float) -> dict[str, Any]:
        return {"task": task, "schedule": seconds, "options": {"expires": TICK_EXPIRES_SEC}}

    return {
        "beat_scheduler": "easyai.tasks.beat:LeaderScheduler",
        "beat_schedule": {
            SCAN_TASK: every(SCAN_TASK, analysis.scan_interval_sec),
            SWEEP_TASK: every(SWEEP_TASK, SWEEP_INTERVAL_SEC),
            UPKEEP_TASK: every(UPKEEP_TASK, UPKEEP_INTERVAL_SEC),
            # Sent only where there is a bus (tasks/beat.py).
            PUBLISH_TASK: every(PUBLISH_TASK, analysis.alert_batch_interval_sec),
        },
    }
