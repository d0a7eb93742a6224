"""A lost connection is not taken for a damaged message: it has to be made again."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from redis.exceptions import ConnectionError as LostError

from easyai.broker.redis_transport import Transport, _tolerant


def _read() -> None:
    raise AttributeError("'NoneType' object has no attribute 'read_response'")


def _closed() -> Any:
    raise AttributeError("'NoneType' object has no attribute 'client'")


def test_read_error_means_a_damaged_message_only_while_connected() -> None:
    assert _tolerant(_read, {}, lambda: SimpleNamespace(connection=object()))


@pytest.mark.parametrize("client", [lambda: SimpleNamespace(connection=None), _closed])
def test_a_worker_connects_again_when_its_connection_was_lost(client: Any) -> None:
    assert issubclass(LostError, Transport.connection_errors), "others end the worker"
    with pytest.raises(LostError):
        _tolerant(_read, {}, client)
