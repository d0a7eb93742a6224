"""A broker that dies at an awkward moment ends no worker."""

from __future__ import annotations

from typing import Any

import pytest
from celery.worker.consumer import Consumer as CeleryConsumer

from easyai.settings.schema import Settings
from easyai.tasks.config import celery_settings
from easyai.tasks.consumer import Consumer


class _LostConnection:
    """The connection that kombu leaves after a Redis died during an acknowledgement."""

    connection_errors = (ConnectionError,)
    channel_errors = ()

    def collect(self, **_: Any) -> None:
        raise ConnectionError("closed")

    def close(self) -> None:
        raise AttributeError("'NoneType' object has no attribute 'hostname'")


def _lost(kind: type[Any]) -> Any:
    consumer: Any = object.__new__(kind)
    consumer.connection = _LostConnection()
    return consumer


def test_a_lost_connection_that_cannot_be_closed_does_not_end_the_worker() -> None:
    consumer = _lost(Consumer)
    consumer.on_connection_error_after_connected(ConnectionError("closed"))
    assert consumer.connection is None


def test_consumer_of_celery_raises_for_a_connection_that_cannot_be_closed() -> None:
    with pytest.raises(AttributeError, match="hostname"):
        _lost(CeleryConsumer).on_connection_error_after_connected(ConnectionError("closed"))


def test_worker_uses_the_consumer_of_easyai() -> None:
    assert celery_settings(Settings())["worker_consumer"] == "easyai.tasks.consumer:Consumer"
