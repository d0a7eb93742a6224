"""The configuration of Celery and kombu for the broker of the settings."""

from __future__ import annotations

from typing import Any, Final

from easyai.settings import server_tls
from easyai.settings.addresses import check_broker
from easyai.settings.schema import Settings
from easyai.settings.server_url import AMQP, REDIS, SENTINEL, ServerUrl, parse_server_url

# kombu warns where no host is named.
_EMBEDDED_BROKER_URL: Final = "filesystem://localhost/"
# The broker counts as lost after this many seconds of silence.
_SILENCE_SEC: Final = 10
_SOCKET: Final = {
    "socket_timeout": _SILENCE_SEC,
    "socket_connect_timeout": 4,
    "socket_keepalive": True,
}

#: The time-outs of a connection, by scheme; kombu's `driver_type` is such a scheme, too. Other
#: transports of kombu work without time-outs of ours.
TIMEOUT_OPTIONS: Final = {
    **dict.fromkeys(REDIS, ("socket_timeout", "socket_connect_timeout")),
    **dict.fromkeys(AMQP, ("read_timeout", "write_timeout")),
}


def broker_settings(settings: Settings) -> dict[str, Any]:
    """The broker part of Celery's configuration. Raises SettingsError for an invalid broker_url."""
    url = settings.easyai.broker_url or _EMBEDDED_BROKER_URL
    check_broker(url)  # Celery would take an invalid URL for a host, and write it into the log
    server = parse_server_url(url)
    return {
        "broker_url": ";".join(server.urls),
        "broker_use_ssl": server_tls.options(server),
        "task_default_queue_type": "quorum" if server.quorum else "classic",
        "broker_transport_options": _transport_options(server, settings),
        "broker_connection_timeout": 4.0,
        "broker_connection_retry_on_startup": True,
        # None: for ever. When a broker comes back after a week, its workers still try.
        "broker_connection_max_retries": None,
        # A "channel error" of the embedded broker is a full disk: the worker tries again.
        "broker_channel_error_retry": True,
        "broker_heartbeat": _SILENCE_SEC,
        # Seconds a thread waits for a connection of the publishing pool.
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
    if scheme in REDIS:
        # visibility_timeout keeps its default: the shortest timeout of all applications on a Redis
        # wins. And the ledger, not the broker, returns the frames of a killed worker.
        return {
            **_SOCKET,
            "health_check_interval": _SILENCE_SEC,
            # Our messages have no priorities: BRPOP gets a single key per queue instead of four.
            "priority_steps": [0],
            "queue_order_strategy": "easyai.broker.queue_order:PeriodicFirst",
            **(_of_sentinel(server) if scheme == SENTINEL else {}),
        }
    if scheme in AMQP:
        return {"confirm_publish": True}  # see broker/rabbitmq_transport.py
    return {}  # another transport of kombu, with its own defaults


def _of_sentinel(server: ServerUrl) -> dict[str, Any]:
    login = {"username": server.sentinel_username, "password": server.sentinel_password}
    return {
        "master_name": server.master_name,
        "sentinel_kwargs": {
            **_SOCKET,
            # redis-py would try a Sentinel that is down for a minute before the next Sentinel.
            "retry": None,
            **{name: value for name, value in login.items() if value},
            **server_tls.of_sentinels(server.tls),
        },
    }
