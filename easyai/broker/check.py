"""The named check of the broker."""

# kombu says it is typed, but few of its functions are.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from easyai.broker.options import TIMEOUT_OPTIONS, broker_settings
from easyai.broker.reason import BlockedError, broker_reason
from easyai.errors import BrokerUnavailableError
from easyai.settings.schema import Settings
from easyai.settings.server_url import SENTINEL
from easyai.system.modes import make_folder

_LIMIT_SEC: Final = 5.0
_TIMEOUT_SEC: Final = 2.0  # of one host
_SHORTEST_TIMEOUT_SEC: Final = 1.5  # of one of many hosts: a busy broker answers within it
# RabbitMQ learns of the end of a connection that it has blocked when it sends a heartbeat.
_HEARTBEAT_SEC: Final = 4


class BrokerCheck:
    """The broker of the settings takes messages; a connection of its own for each look."""

    name = "broker"
    limit_sec = _LIMIT_SEC

    def __init__(self, settings: Callable[[], Settings]) -> None:
        self._settings = settings

    def check(self) -> None:
        """Raise BrokerUnavailableError when it does not answer or cannot be written."""
        settings = self._settings()
        try:
            _try(settings)
        except Exception as error:
            # Each client has errors of its own, and their words may name user and host.
            raise BrokerUnavailableError(broker_reason(settings, error)) from error


def _try(settings: Settings) -> None:
    if _is_embedded(settings.easyai.broker_url):
        # Without its transport: the watchdog of a small box needs no Celery in its memory.
        folder = settings.easyai.data_dir.absolute() / "broker"
        make_folder(folder)
        _write(folder)
        return
    broker = broker_settings(settings)
    urls = [broker["broker_url"]]
    if not urls[0].startswith(SENTINEL):  # else all of them lead to one Redis
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
    # Of the transport, not of the connection: that one tries again after a failure.
    transport = connection.transport
    poller = getattr(getattr(transport, "cycle", None), "poller", None)
    try:
        established = transport.establish_connection()
        try:
            # Redis is asked with PING, RabbitMQ opens a channel.
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
            poller.close()  # else it is open until the garbage is collected


def _push_nothing(client: Any) -> None:
    """Refused by a Redis that is full; adds nothing, for there is no list of that name."""
    try:
        client.lpushx("easyai.check", "")
    except Exception as error:
        # redis-py's; not loaded where it is not used. A user may be kept to the names of queues.
        if type(error).__name__ != "NoPermissionError":
            raise


def _publish_to_nobody(channel: Any) -> None:
    """Publish to a queue that cannot exist: only who publishes is told of an alarm."""
    import amqp

    # A user may be kept to the exchanges of easyai.
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
    kind = {"rediss": "redis", "sentinel": "redis", "amqps": "amqp", "pyamqp": "amqp"}
    timeouts = dict.fromkeys(TIMEOUT_OPTIONS.get(kind.get(driver, driver), ()), timeout_sec)
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
    """A message file can be written: the disk has room and the folder is ours."""
    draft = folder / f".check-{os.getpid()}"
    try:
        draft.write_bytes(b"?")
    finally:
        draft.unlink(missing_ok=True)
