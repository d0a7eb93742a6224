"""Every change of task types locks their rows in order of name (docs, "Locks")."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from sqlalchemy import text

from easyai.db import task_types, wakes
from easyai.errors import BadRequestError
from easyai.pipeline.type_gate import TypeGate
from easyai.pipeline.type_upkeep import keep_types
from easyai.registry import registration, unregistration
from easyai.runtime import Runtime
from tests.integration.db.contention import (
    migrated_url,
    quick_to_find_deadlocks,
    run_against_each_other,
)
from tests.support.site import Installation

__all__ = ["migrated_url"]
_TYPES = [f"type-{number:02d}" for number in range(40)]
_LIMIT = 20
_LONG_AGO_SEC = 200_000.0  # over two days


@pytest.fixture
def busy(site: Installation) -> Iterator[Installation]:
    """A site with places for half of the types."""
    site.configure(max_task_types=_LIMIT)
    with quick_to_find_deadlocks(site):
        yield site


def _some() -> list[str]:
    return random.sample(_TYPES, 12)


def _aging(runtime: Runtime) -> Callable[[], object]:
    """Let some of the types be unused for days."""

    def change() -> None:
        names, ago = sorted(_some()), time.time() - _LONG_AGO_SEC
        with runtime.db.write() as conn:
            for name in wakes.lock(conn, names):
                conn.execute(
                    text("UPDATE task_types SET seen_at = :ago, framed_at = :ago WHERE name = :n"),
                    {"n": name, "ago": ago - random.random()},
                )

    return change


def _ringing(runtime: Runtime) -> Callable[[], None]:
    def change() -> None:
        with runtime.db.write() as conn:
            wakes.claim(conn, _some(), time.time(), 0.0)
            time.sleep(0.002)

    return change


def _registering(runtime: Runtime) -> Callable[[], None]:
    def change() -> None:
        body = {"service_id": "s", "endpoint": "http://127.0.0.1:9/s", "task_types": _some()}
        try:
            registration.register(runtime, body)
        except BadRequestError:
            unregistration.clear_all(runtime)

    return change


def test_transactions_on_task_types_do_not_deadlock(
    busy: Installation,
) -> None:
    upkeep, gate = busy.open(), busy.open()
    jobs = [_aging(busy.open()), _ringing(busy.open()), _ringing(busy.open())]
    jobs += [_registering(busy.open()), _registering(busy.open())]
    jobs += [partial(keep_types, upkeep), lambda: TypeGate(gate).admit(_some())]
    run_against_each_other(busy, jobs)


def test_concurrent_registrations_do_not_exceed_max_task_types(busy: Installation) -> None:
    gate, answers = threading.Barrier(8), []

    def register(number: int, runtime: Runtime) -> None:
        body = {"service_id": f"s{number}", "endpoint": f"http://127.0.0.1:9/{number}"}
        gate.wait()
        try:
            names = [f"{number}-{index}" for index in range(_LIMIT // 2)]
            registration.register(runtime, body | {"task_types": names})
        except BadRequestError as error:
            answers.append(str(error))
        else:
            answers.append("taken")

    threads = [threading.Thread(target=register, args=(number, busy.open())) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers.count("taken") == 2
    assert sum("max_task_types" in answer for answer in answers) == 6
    with busy.runtime.db.read() as conn:
        assert len(task_types.names(conn)) == _LIMIT


def test_folders_found_concurrently_do_not_exceed_max_task_types(busy: Installation) -> None:
    gate, admitted = threading.Barrier(6), list[str]()

    def find(number: int, runtime: Runtime) -> None:
        gate.wait()
        admitted.extend(
            TypeGate(runtime).admit(f"{number}-{index}" for index in range(_LIMIT // 2))
        )

    threads = [threading.Thread(target=find, args=(number, busy.open())) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(admitted) == _LIMIT
    with busy.runtime.db.read() as conn:
        assert sorted(admitted) == task_types.names(conn)
