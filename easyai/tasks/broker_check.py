"""The named check of the broker: only the tasks know how to reach it."""

# kombu says it is typed, but few of its functions are.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from easyai.errors import BrokerUnavailableError
from easyai.process.modes import make_folder
from easyai.runtime import Runtime
from easyai.settings import Settings

_TIMEOUT_SEC: Final = 2.0
_TIMEOUT_OPTIONS: Final = {
    "redis": ("socket_timeout", "socket_connect_timeout"),
    "amqp": ("read_timeout", "write_timeout"),
}


class BrokerCheck:
    """The broker of the settings takes messages; a connection of its own for each look."""

    name = "broker"
    limit_sec = 5.0

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def check(self) -> None:
        """Raise BrokerUnavailableError when it does not answer or cannot be written."""
        settings = self._runtime.settings
        try:
            _try(settings)
        except Exception as error:
            # Each client has errors of its own, and their words may name user and host.
            raise BrokerUnavailableError(_words(settings, error)) from error


def _try(settings: Settings) -> None:
    if is_embedded(settings.easyai.broker_url):
        # Without its transport: the watchdog of a small box needs no Celery in its memory.
        folder = settings.easyai.data_dir.absolute() / "broker"
        make_folder(folder)
        _write(folder)
        return
    # Of the transport, not of the connection: that one tries again after a failure.
    transport = _connection(settings).transport
    poller = getattr(getattr(transport, "cycle", None), "poller", None)
    try:
        established = transport.establish_connection()
        try:
            # Redis is asked with PING, RabbitMQ opens a channel.
            channel = transport.create_channel(established)
            if transport.driver_type == "redis":
                _push_nothing(channel.client)
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


def is_embedded(broker_url: str) -> bool:
    """Whether the broker is files in the data folder."""
    return (broker_url or "filesystem").partition("://")[0] == "filesystem"


def _connection(settings: Settings) -> Any:
    from easyai.tasks.config import celery_settings
    from easyai.tasks.queues import QuickConnection

    celery = celery_settings(settings)
    url, options = celery["broker_url"], celery["broker_transport_options"]
    driver = url.partition("://")[0].partition("+")[0]
    kind = {"rediss": "redis", "sentinel": "redis", "amqps": "amqp", "pyamqp": "amqp"}
    timeouts = dict.fromkeys(_TIMEOUT_OPTIONS.get(kind.get(driver, driver), ()), _TIMEOUT_SEC)
    return QuickConnection(
        url,
        connect_timeout=_TIMEOUT_SEC,
        transport_options={**options, "max_retries": 0, **timeouts},
    )


def _write(folder: Path) -> None:
    """A message file can be written: the disk has room and the folder is ours."""
    draft = folder / f".check-{os.getpid()}"
    try:
        draft.write_bytes(b"?")
    finally:
        draft.unlink(missing_ok=True)


def _words(settings: Settings, error: Exception) -> str:
    url = settings.easyai.broker_url or "filesystem://"
    kind = url.partition("://")[0] if "://" in url else "not a URL"
    said = str(error) or type(error).__name__
    if type(error).__name__ == "OutOfMemoryError":  # redis-py's; not loaded where it is not used
        return (
            f"the broker ({kind}) is full (maxmemory) and takes no messages, frames wait: raise "
            "maxmemory, or give the broker a Redis of its own"
        )
    return f"the broker ({kind}) does not answer: {said}"
