"""A worker's application has its own process object, and a new object in each child."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from celery import Celery, signals

from easyai.pipeline.frame_log import Counts
from easyai.tasks import infer_task, task_modules
from easyai.tasks.app import make_app
from easyai.tasks.lifecycle import Lifecycle
from easyai.tasks.process import WorkerProcess, process_of

SIGNALS = (
    signals.worker_process_init,
    signals.worker_ready,
    signals.worker_shutting_down,
    signals.worker_process_shutdown,
    signals.worker_shutdown,
)


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Iterator[Celery]:
    """The application of a worker that has begun."""
    monkeypatch.setattr(task_modules, "load", lambda: None)
    for signal in SIGNALS:
        monkeypatch.setattr(signal, "receivers", [])
    made = make_app({})
    Lifecycle(made).begin()
    yield made
    made.close()


def test_a_child_begins_with_nothing_and_its_parents_connections_stay_open(app: Celery) -> None:
    parent = process_of(app)
    runtime: Any = SimpleNamespace()
    parent._runtime, kept = runtime, weakref.ref(parent)
    signals.worker_process_init.send(sender="host")
    child = process_of(app)
    assert child is not parent
    assert child.clock_offset_sec() is None
    del parent
    gc.collect()
    assert kept() is not None, "it would close its connections in the parent's name"


def test_stopping_worker_takes_no_wake_and_wakes_another_worker(app: Celery) -> None:
    rung: list[str] = []
    closed: list[bool] = []
    runtime: Any = SimpleNamespace(
        doorbell=SimpleNamespace(ring_all=rung.extend), close=lambda: closed.append(True)
    )
    process_of(app)._runtime = runtime
    signals.worker_shutting_down.send(sender="host")
    assert (
        app.tasks[infer_task.infer.name]("人脸")
        == "人脸: this worker is stopping, another worker is woken"
    )
    assert rung == ["人脸"]
    signals.worker_shutdown.send(sender=None)
    assert closed == [True]


def test_tasks_work_with_the_process_of_their_own_application(
    app: Celery, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_app({})
    other.worker_process = WorkerProcess(other)
    for number, application in enumerate((app, other)):
        counts = Counts(frames=number)
        monkeypatch.setattr(process_of(application), "wake", lambda _, counts=counts: counts)
    assert app.tasks[infer_task.infer.name]("a") == "a: woken"
    assert other.tasks[infer_task.infer.name]("a") == "a: 1 sent"
    other.close()
