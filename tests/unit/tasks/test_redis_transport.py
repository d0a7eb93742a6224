"""A lost connection is not taken for a damaged message: it has to be made again."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from easyai.tasks.redis_transport import _tolerant


def _read() -> None:
    raise AttributeError("'NoneType' object has no attribute 'read_response'")


def test_only_with_a_connection_is_it_a_message_that_is_damaged() -> None:
    assert _tolerant(_read, {}, lambda: SimpleNamespace(connection=object()))
    with pytest.raises(AttributeError):
        _tolerant(_read, {}, lambda: SimpleNamespace(connection=None))
