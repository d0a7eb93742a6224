"""Every task type has a queue name that every broker and the command line accept."""

from __future__ import annotations

from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from easyai.tasks.app import make_app
from easyai.tasks.queues import queue_name

FACES = "infer.人脸"


@pytest.mark.parametrize("task_type", ["人数统计", "head_detect", "a.b", "two words", "Ünï-1"])
def test_a_plain_type_is_readable_in_its_queue(task_type: str) -> None:
    assert queue_name(task_type) == f"infer.{task_type}"


@pytest.mark.parametrize(
    "task_type", ["a,b", "a/b", "x" * 300, "类" * 80, " a", "a ", "a\nb", "\udcff", "a\0"]
)
def test_odd_type_gets_a_queue_name_that_every_broker_accepts(task_type: str) -> None:
    name = queue_name(task_type)
    assert name.startswith("infer.")
    assert len(name.encode()) <= 190
    assert not set(name) & set(",/\\\n\0")
    assert name == name.strip()


def test_the_name_of_a_shortened_type_never_changes() -> None:
    # Workers of two releases share a queue during an upgrade.
    assert queue_name("a,b") == "infer.a_b-1eb7c54d5283"
    assert queue_name("x" * 300) == "infer." + "x" * 171 + "-0d4e2ca9e9cb"


@given(st.lists(st.text(min_size=1, max_size=120), min_size=2, max_size=8, unique=True))
def test_two_types_never_share_a_queue(task_types: list[str]) -> None:
    assert len({queue_name(task_type) for task_type in task_types}) == len(task_types)


def test_all_queues_share_an_exchange_including_queues_created_by_name() -> None:
    app = make_app({"broker_url": "memory://", "task_default_queue": "easyai"})
    for queue in (app.amqp.queues[FACES], app.amqp.queues.declaration(FACES)):
        assert queue.exchange.name == "infer"
        assert queue.exchange.type == "direct"
        assert queue.name == queue.routing_key == FACES


def test_queues_of_the_command_line_pin_a_worker_and_excluded_queues_stay_out() -> None:
    app = make_app({"broker_url": "memory://", "task_default_queue": "easyai"})
    queues = app.amqp.queues
    assert not queues.pinned
    assert set(queues.consume_from) == {"easyai"}
    queues.deselect([FACES])
    assert queues.excluded == {FACES}
    queues.select_add(queues.declaration(FACES))
    assert queues.excluded == set()
    queues.select([FACES])
    assert queues.pinned
    assert set(queues.consume_from) == {FACES}


def test_a_queue_may_be_named_in_either_unicode_form() -> None:
    queues = make_app({"broker_url": "memory://", "task_default_queue": "easyai"}).amqp.queues
    decomposed = normalize("NFD", "infer.Café")
    queues.deselect(decomposed)
    assert queues.excluded == {queue_name("Café")}
    queues.select([decomposed])
    assert set(queues.consume_from) == {queue_name("Café")}
