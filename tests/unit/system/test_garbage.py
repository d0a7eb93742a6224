"""A process spares its garbage collector what it keeps until its end."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from easyai.system.garbage import spare_loaded


class _Cycle:
    """An object that only the collector can free."""

    def __init__(self) -> None:
        self.own = self


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


def test_loaded_objects_are_left_alone_and_later_garbage_is_found() -> None:
    loaded = _Cycle()
    spare_loaded()
    assert not any(found is loaded for found in gc.get_objects())
    assert gc.get_freeze_count() > 1000
    later = _Cycle()
    assert any(found is later for found in gc.get_objects())
    del later
    assert gc.collect() >= 1


def test_collector_runs_less_often_but_runs() -> None:
    before, *older = gc.get_threshold()
    spare_loaded()
    young, *same = gc.get_threshold()
    assert (before < young < 100_000, same, gc.isenabled()) == (True, older, True)
