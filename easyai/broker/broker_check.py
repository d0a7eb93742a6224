"""The named check of the broker."""

# kombu ships type information, but few of its functions are typed.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from easyai.broker.broker_reasons import BlockedError, broker_reason
from easyai.broker.options import TIMEOUT_OPTIONS, broker_settings
from easyai.errors import BrokerUnavailableError
from easyai.settings.schema import Settings
from easyai.settings.server_url import SENTINEL
from easyai.system.modes import make_folder

_LIMIT_SEC: Final = 5.0
_TIMEOUT_SEC: Final = 2.0  # per host
_SHORTEST_TIMEOUT_SEC: Final = 1.5  # per host of many: a busy broker answers within this time
# RabbitMQ notices the end of a connection that it has blocked only when it sends a heartbeat.
_HEARTBEAT_SEC: Final = 4


class BrokerCheck:
    """Checks that the broker of the settings takes messages, over a new connection each time."""

    name = "broker"
    limit_sec = _LIMIT_SEC

    def __init__(self, settings: Callable[[], Settings]) -> None:
        self._settings = settings

    def check(self) -> None:
        """Raise BrokerUnavailableError when the broker does not answer or takes no message."""
        settings = self._settings()
        try:
            _try(settings)
        except Exception as error:
            # Each client library has its own errors, and their texts may name user and host.
            raise BrokerUnavailableError(broker_reason(settings, error)) from error


def _try(settings: Settings) -> None:
    if _is_embedded(settings.easyai.broker_url):
        # Without kombu's transport: the watchdog of a small machine saves the memory of Celery.
        folder = settings.easyai.data_dir.absolute() / "broker"
        make_folder(folder)
        _write(folder)
        return
    broker = broker_settings(settings)
    urls = [broker["broker_url"]]
    if not urls[0].startswith(SENTINEL):  # all Sentinel hosts lead to the same Redis
        urls = urls[0].split(";")
    until = time.monotonic() + _LIMIT_SEC
    for hosts_left, url in zip(range(len(urls), 0, -1), urls, strict=True):
        share = (until - time.monotonic()) / hosts_left
        timeout_sec = min(_TIMEOUT_SEC, max(_SHORTEST_TIMEOUT_SEC, share))
        try:
            return _ask(_connection(url, broker, timeout_sec))
        except Exception:
            if hosts_left == 1:
                raise


def _ask(connection: Any) -> None:
    # Through the transport, because the connection would try again after a failure.
    transport = connection.transport
    poller = getattr(getattr(transport, "cycle", None), "poller", None)
    try:
        established = transport.establish_connection()
        try:
            # Opening the channel sends PING to Redis, and opens a channel in RabbitMQ.
            channel = transport.create_channel(established)
            if transport.driver_type == "redis":
                _push_nothing(channel.client)
            elif transport.driver_type == "amqp":
                _publish_to_nobody(channel)
        except BlockedError:
            established.collect()  # RabbitMQ would not read a goodbye
            raise
        finally:
            transport.close_connection(established)
    finally:
        if poller is not None:
            poller.close()  # else the poller stays open until the garbage collection


def _push_nothing(client: Any) -> None:
    """Push to a list that does not exist: adds nothing, but a full Redis refuses it."""
    try:
        client.lpushx("easyai.check", "")
    except Exception as error:
        # By name, so that redis-py is not loaded. A user may be limited to the names of queues.
        if type(error).__name__ != "NoPermissionError":
            raise


def _publish_to_nobody(channel: Any) -> None:
    """Publish to a queue that cannot exist: RabbitMQ reports an alarm only to publishers."""
    import amqp

    # A user may be limited to the exchanges of easyai.
    with suppress(amqp.AccessRefused):
        channel.basic_publish_confirm(amqp.Message(b""), exchange="", routing_key="")


def _is_embedded(broker_url: str) -> bool:
    return (broker_url or "filesystem").partition("://")[0] == "filesystem"


def _connection(url: str, broker: dict[str, Any], timeout_sec: float) -> Any:
    from easyai.broker import transports
    from easyai.broker.connection import QuickConnection

    transports.register()
    options = broker["broker_transport_options"]
    driver = url.partition("://")[0].partition("+")[0]
    timeouts = dict.fromkeys(TIMEOUT_OPTIONS.get(driver, ()), timeout_sec)
    if driver == SENTINEL:
        options = {**options, "sentinel_kwargs": {**options["sentinel_kwargs"], **timeouts}}
    return QuickConnection(
        url,
        ssl=broker["broker_use_ssl"] or False,
        connect_timeout=timeout_sec,
        heartbeat=_HEARTBEAT_SEC,
        transport_options={**options, "max_retries": 0, **timeouts},
    )


def _write(folder: Path) -> None:
    """Write a message file. Raises OSError when the disk is full or the folder is not ours."""
    draft = folder / f".check-{os.getpid()}"
    try:
        draft.write_bytes(b"?")
    finally:
        draft.unlink(missing_ok=True)
