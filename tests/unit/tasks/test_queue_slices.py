"""A worker's queues are changed a slice at a time, whatever their number."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest

from easyai.settings.schema import Settings
from easyai.tasks import queue_slices
from easyai.tasks.app import make_app
from easyai.tasks.config import celery_settings
from easyai.tasks.queue_slices import Change, carry_out, summary
from tests.unit.broker.embedded import Broker


@pytest.fixture
def consumer(broker: Broker) -> Any:
    """A worker's consumer on the embedded broker, as far as slices need it."""
    app = make_app(celery_settings(Settings()) | {"broker_transport_options": broker.options})
    connection = broker.connect()
    task_consumer = app.amqp.TaskConsumer(connection, on_message=lambda message: message.ack())
    return SimpleNamespace(app=app, connection=connection, task_consumer=task_consumer, hub=None)


def slices(consumer: Any, change: Change) -> list[float]:
    """Carry a change out; the CPU seconds of each slice."""
    took = []
    while change:
        began = time.thread_time()
        carry_out(consumer, change, threading.Event())
        took.append(time.thread_time() - began)
    return took


def consumed(consumer: Any) -> set[str]:
    """The queues that are read."""
    return {queue.name for queue in consumer.task_consumer.queues}


def test_three_thousand_queues_are_added_and_cancelled_without_holding_up_the_loop(
    consumer: Any,
) -> None:
    names = [f"infer.类型{number}" for number in range(3000)]
    took = slices(consumer, Change(names, []))
    assert max(took) < 2
    assert sum(took) < 15
    assert consumed(consumer) == {"easyai", *names}
    assert consumer.app.amqp.queues.of_types == set(names)
    took = slices(consumer, Change([], names))
    assert max(took) < 2
    assert sum(took) < 15
    assert consumed(consumer) == {"easyai"}
    assert set(consumer.app.amqp.queues) == {"easyai"}


def test_change_begins_with_the_first_queue_and_adds_a_queue_a_slice_at_least(
    consumer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_slices, "_WORK_SEC", 0.0)
    change = Change(["infer.first", "infer.second"], [])
    carry_out(consumer, change, threading.Event())
    assert consumed(consumer) == {"easyai", "infer.first"}
    assert list(change.add) == ["infer.second"]
    assert change.paused.is_set()


def test_change_on_an_event_loop_continues_after_a_pause(
    consumer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_slices, "_WORK_SEC", 0.0)
    later: list[tuple[float, Any, Any]] = []
    consumer.hub = SimpleNamespace(
        call_later=lambda sec, call, *args: later.append((sec, call, args))
    )
    change = Change(["infer.first", "infer.second"], [])
    carry_out(consumer, change, threading.Event())
    assert not change.paused.is_set()
    ((_, call, args),) = later
    call(*args)
    assert change.paused.is_set()
    assert consumed(consumer) == {"easyai", "infer.first", "infer.second"}
    assert len(later) == 1


def test_error_of_a_later_slice_is_raised_by_the_loop_not_by_the_timer(
    consumer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_slices, "_WORK_SEC", 0.0)
    later: list[Any] = []
    soon: list[Any] = []
    consumer.hub = SimpleNamespace(call_later=lambda _, call, *args: later.append((call, args)))
    consumer.call_soon = lambda call, *args: soon.append((call, args))
    carry_out(consumer, Change(["infer.first", "infer.second"], []), threading.Event())
    monkeypatch.setattr(consumer.task_consumer, "consume", _fail)
    call, args = later[0]
    call(*args)  # kombu logs some errors of a timer's call and goes on
    call, args = soon[0]
    with pytest.raises(OSError, match="disk full"):
        call(*args)


def test_a_slice_of_a_connection_that_was_lost_changes_nothing(consumer: Any) -> None:
    stopped = threading.Event()
    stopped.set()
    change = Change(["infer.a"], [])
    carry_out(consumer, change, stopped)
    assert consumed(consumer) == {"easyai"}


def test_a_queue_that_could_not_be_added_is_tried_again_with_the_next_change(
    consumer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(consumer.task_consumer, "consume", _fail)
        change = Change(["infer.a", "infer.b"], [])
        with pytest.raises(OSError, match="disk full"):
            carry_out(consumer, change, threading.Event())
    assert not change
    assert change.paused.is_set()
    assert consumer.app.amqp.queues.of_types == set()
    slices(consumer, Change(["infer.a", "infer.b"], []))
    assert all(consumer.task_consumer.consuming_from(name) for name in ("infer.a", "infer.b"))


def test_a_new_connection_begins_with_the_queues_of_the_start(consumer: Any) -> None:
    slices(consumer, Change(["infer.a"], []))
    queues = consumer.app.amqp.queues
    queues.drop_types()
    assert set(queues.consume_from) == {"easyai"}
    assert queues.of_types == set()


def test_a_line_of_the_log_names_the_first_queues_and_their_number() -> None:
    names = [f"infer.{number}" for number in range(7)]
    assert summary(names) == "count=7: infer.0, infer.1, infer.2, infer.3, infer.4, …"
    assert summary(names[:2]) == "count=2: infer.0, infer.1"


def _fail() -> None:
    raise OSError("disk full")
