"""Tests of another room that need an object store, run again on the one of this room."""

from __future__ import annotations

import inspect
from types import ModuleType

_STORE = {"bucket", "place", "object_server"}


def again(module: ModuleType, *without: str) -> dict[str, object]:
    """The tests of a module that need a store, but for those named; its other fixtures, too."""
    own = vars(module)
    assert set(without) <= set(own), f"{module.__name__} has no such test"
    return {
        name: value
        for name, value in own.items()
        if not name.startswith("__")
        and name not in (*_STORE, *without)
        and (not name.startswith("test_") or _STORE & set(inspect.signature(value).parameters))
    }
