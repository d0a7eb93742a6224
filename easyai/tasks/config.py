"""Everything Celery is told, derived from the settings of easyai.

An operator changes single values in ``celeryconfig.py``, below its last line.
"""

from __future__ import annotations

from typing import Any

from easyai.broker.names import CONTROL_QUEUE, EVENT_EXCHANGE
from easyai.settings import server_tls
from easyai.settings.addresses import check_broker
from easyai.settings.schema import AiAnalysis, Settings
from easyai.settings.server_url import SENTINEL, ServerUrl, parse_server_url
from easyai.system.logs import FORMAT

SCAN_TASK = "easyai.scan"
SWEEP_TASK = "easyai.sweep"
UPKEEP_TASK = "easyai.upkeep"
PUBLISH_TASK = "easyai.publish"
SWEEP_INTERVAL_SEC = 5.0
UPKEEP_INTERVAL_SEC = 60.0
PERIODIC = (SCAN_TASK, SWEEP_TASK, UPKEEP_TASK, PUBLISH_TASK)
# Ticks sent while no worker runs lose their meaning; those left are sorted out by the run's claim.
# By the database's clock (tasks/request.py).
TICK_EXPIRES_SEC = 30.0
# kombu warns where no host is named.
EMBEDDED_BROKER_URL = "filesystem://localhost/"
# The broker counts as lost after this many seconds of silence.
SOCKET_TIMEOUT_SEC = 10
_SOCKET = {
    "socket_timeout": SOCKET_TIMEOUT_SEC,
    "socket_connect_timeout": 4,
    "socket_keepalive": True,
}


def celery_settings(settings: Settings) -> dict[str, Any]:
    """Celery's configuration for these settings."""
    broker_url = settings.easyai.broker_url or EMBEDDED_BROKER_URL
    return {
        **_broker(broker_url, settings),
        **_worker(),
        **_beat(settings.ai_analysis),
        "imports": ("easyai.tasks.periodic", "easyai.tasks.publishing", "easyai.tasks.inference"),
        "task_default_queue": CONTROL_QUEUE,
        # With the exchange, or Celery would go by the nameless one, which no declaration shows.
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
        # Ours alone, should another Celery application use the same broker.
        "control_exchange": "easyai",
        "event_exchange": EVENT_EXCHANGE,
        "event_queue_prefix": "easyaiev",
    }


def _broker(url: str, settings: Settings) -> dict[str, Any]:
    check_broker(url)  # Celery would take what is no URL for a host, and write it into the log
    server = parse_server_url(url)
    return {
        "broker_url": ";".join(server.urls),
        "broker_use_ssl": server_tls.options(server),
        "task_default_queue_type": "quorum" if server.quorum else "classic",
        "broker_transport_options": _transport_options(server, settings),
        "broker_connection_timeout": 4.0,
        "broker_connection_retry_on_startup": True,
        # None: for ever. A broker that comes back after a week finds its workers waiting.
        "broker_connection_max_retries": None,
        # The embedded broker's "channel errors" are a full disk: retried as well.
        "broker_channel_error_retry": True,
        "broker_heartbeat": SOCKET_TIMEOUT_SEC,
        # Seconds a thread waits for one of the connections that publish.
        "broker_pool_acquire_timeout": 5.0,
    }


def _transport_options(server: ServerUrl, settings: Settings) -> dict[str, Any]:
    scheme = server.scheme
    if scheme == "filesystem":
        folder = settings.easyai.data_dir.absolute() / "broker"
        queue = str(folder / "queue")
        return {
            "data_folder_in": queue,
            "data_folder_out": queue,
            "processed_folder": str(folder / "claimed"),
            "control_folder": str(folder / "control"),
        }
    if scheme in ("redis", "rediss", SENTINEL):
        # visibility_timeout keeps its default: the shortest of all applications on one Redis wins,
        # and what a killed worker held is given out again by the ledger, not by the broker.
        return {
            **_SOCKET,
            "health_check_interval": SOCKET_TIMEOUT_SEC,
            # Our messages have no priorities: one key a queue in each BRPOP instead of four.
            "priority_steps": [0],
            "queue_order_strategy": "easyai.tasks.queue_order:DutiesFirst",
            **(_of_sentinel(server) if scheme == SENTINEL else {}),
        }
    # See broker/rabbitmq_transport.py.
    return {"confirm_publish": True} if "amqp" in scheme else {}


def _of_sentinel(server: ServerUrl) -> dict[str, Any]:
    login = {"username": server.sentinel_username, "password": server.sentinel_password}
    return {
        "master_name": server.master_name,
        "sentinel_kwargs": {
            **_SOCKET,
            # redis-py would try one that is down for a minute before it asks the next.
            "retry": None,
            **{name: value for name, value in login.items() if value},
            **server_tls.of_sentinels(server.tls),
        },
    }


def _worker() -> dict[str, Any]:
    return {
        # Threads start on demand. A wake takes a moment, and each duty has a thread of its own.
        "worker_pool": "easyai.tasks.pool:TaskPool",
        "worker_consumer": "easyai.tasks.consumer:Consumer",
        "worker_concurrency": 8,
        "worker_prefetch_multiplier": 1,
        # Of messages, which only wake: what limits frames is ai_analysis.types.<type>.rate_limit.
        "worker_disable_rate_limits": True,
        # Prefetch is one of each queue anyway (tasks/queues.py), as quorum queues ask for.
        "worker_detect_quorum_queues": False,
        # A wake is answered by being taken: one that is lost costs a scan, one that is delivered
        # twice costs a look at the ledger.
        "task_acks_late": False,
        # Concerns late acknowledgement only; unset, Celery warns at every reconnect.
        "worker_cancel_long_running_tasks_on_connection_loss": True,
        # Events cost as much as a small task: switch them on with -E when somebody watches.
        "worker_send_task_events": False,
        # One more message for each wake and tick, watched or not: it all but doubles their cost.
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
