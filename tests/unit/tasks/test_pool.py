"""Each periodic task has a thread of its own, whatever ``-c`` is."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from easyai.tasks.config import SCAN_TASK, SWEEP_TASK, UPKEEP_TASK
from easyai.tasks.pool import IdleTimer, TaskPool
from easyai.tasks.wake_publisher import INFER_TASK
from tests.support.waiting import wait_until

LIMIT_SEC = 10.0


class Work:
    """The work of a pool: waits until the test releases it."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.started: list[str] = []
        self.accepted: list[str] = []
        self.results: list[Any] = []

    def put(self, pool: TaskPool, name: str) -> None:
        """Hand it to the pool under the name of a task, as Celery does."""

        def run(task_name: str) -> str:
            self.started.append(task_name)
            assert self.go.wait(LIMIT_SEC)
            return "ran"

        pool.on_apply(
            run,
            (name,),
            callback=self.results.append,
            accept_callback=lambda *_: self.accepted.append(name),
        )


@pytest.fixture
def work() -> Work:
    """Work that waits."""
    return Work()


@pytest.fixture
def pool(work: Work) -> Iterator[TaskPool]:
    """A pool as ``-c 1`` makes it."""
    made = TaskPool(1)
    yield made
    work.go.set()
    made.on_stop()


def test_periodic_tasks_run_beside_wakes_that_fill_the_pool_and_beside_each_other(
    pool: TaskPool, work: Work
) -> None:
    for _ in range(50):
        work.put(pool, INFER_TASK)
    for name in (UPKEEP_TASK, SWEEP_TASK, SCAN_TASK):
        work.put(pool, name)
    wanted = {INFER_TASK, UPKEEP_TASK, SWEEP_TASK, SCAN_TASK}
    wait_until(lambda: set(work.started) == wanted, LIMIT_SEC, "all of them run")
    assert len(work.started) == 4


def test_periodic_task_never_runs_twice_at_once(pool: TaskPool, work: Work) -> None:
    work.put(pool, SCAN_TASK)
    wait_until(lambda: work.started == [SCAN_TASK], LIMIT_SEC, "it runs")
    work.put(pool, SCAN_TASK)
    work.go.set()
    wait_until(lambda: len(work.results) == 2, LIMIT_SEC, "both ran, in sequence")
    assert work.results == ["ran", "ran"]


def test_ticks_behind_a_running_periodic_task_are_dropped(pool: TaskPool, work: Work) -> None:
    # A message without acknowledgement counts towards the prefetch limit of a worker.
    for _ in range(40):
        work.put(pool, UPKEEP_TASK)
    wait_until(lambda: len(work.started) == 1, LIMIT_SEC, "a task runs")
    assert len(work.accepted) == 39, "all but the waiting task"
    work.go.set()
    wait_until(lambda: len(work.results) == 40, LIMIT_SEC, "all have ended")
    assert work.results.count("ran") == 2


def test_pool_stop_waits_for_running_tasks(work: Work) -> None:
    pool = TaskPool(1)
    work.put(pool, SCAN_TASK)
    wait_until(lambda: work.started == [SCAN_TASK], LIMIT_SEC, "it runs")
    stopping = threading.Thread(target=pool.on_stop)
    stopping.start()
    stopping.join(0.2)
    assert stopping.is_alive()
    work.go.set()
    stopping.join(LIMIT_SEC)
    assert work.results == ["ran"]


def test_idle_timer_sleeps_until_there_is_work_and_ends_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    timer, called = IdleTimer(), threading.Event()
    waits: list[tuple[float, ...]] = []
    wait = timer.not_empty.wait

    def counted(*timeout: float) -> bool:
        waits.append(timeout)
        return bool(wait(*timeout))

    monkeypatch.setattr(timer.not_empty, "wait", counted)
    timer.ensure_started()
    wait_until(lambda: bool(waits), 5, "it waits")
    time.sleep(1.2)
    assert waits == [()]
    timer.call_after(0.01, called.set)
    assert called.wait(LIMIT_SEC)
    began = time.monotonic()
    timer.stop()
    assert time.monotonic() - began < 0.5
