"""Tests of another package, run again on the servers of this package."""

from __future__ import annotations

import inspect
from collections.abc import Set
from types import ModuleType
from typing import Final

STORE: Final = frozenset({"bucket", "place", "object_server"})
BROKER: Final = frozenset({"installation", "celery_setup", "broker_url", "production"})


def again(module: ModuleType, *without: str, needs: Set[str] = STORE) -> dict[str, object]:
    """The tests of a module that need a server, except `without`; and its other fixtures.

    `needs`: the fixtures by which a test gets the server.
    """
    own = vars(module)
    assert set(without) <= set(own), f"{module.__name__} has no such test"
    return {
        name: value
        for name, value in own.items()
        if not name.startswith("__")
        and name not in (*STORE, *without)
        and (not name.startswith("test_") or needs & set(inspect.signature(value).parameters))
    }
