"""A worker counts as working only while both of its loops run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from easyai.process import supervisor_link as supervised
from easyai.tasks import worker_liveness
from easyai.tasks.worker_liveness import LifeSigns
from tests.support.waiting import wait_until


class Consumer:
    """A consumer whose loop runs when the test wants it, and its timer.

    `hub`: the event loop of kombu; None over the embedded broker.
    """

    pool = None  # no thread pool: the step begins with the connection
    turning = True
    checks = 0

    def __init__(self, process: Process, hub: Any) -> None:
        self.hub = hub
        self.app = SimpleNamespace(worker_process=process)
        self.timer = self
        self._repeated: Callable[[], None] = lambda: None

    def call_repeatedly(self, _every: float, call: Callable[[], None]) -> Consumer:
        """The timer's method."""
        self._repeated = call
        return self

    def cancel(self) -> None:
        """The timer entry's method."""

    def call_soon(self, call: Callable[[], None]) -> None:
        """Called on the loop, if the loop runs."""
        if self.turning:
            call()

    def check_queues(self) -> None:
        """Count how often the consumer looks whether its queues are there."""
        self.checks += 1

    def tick(self) -> None:
        """A second has passed."""
        if self.turning:
            self._repeated()


class Process:
    """In place of the worker's process: an inference loop that runs when the test wants it."""

    turning = True
    presence: Any = None

    def ask_inference(self, answer: Callable[[], None]) -> bool:
        """As in the worker's process."""
        if self.turning:
            answer()
        return True


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Process:
    """In place of the real process, and quick."""
    monkeypatch.setattr(
        worker_liveness, "Presence", lambda *_: type("P", (), {"start": lambda _: None})()
    )
    monkeypatch.setattr(worker_liveness, "_EVERY_SEC", 0.02)
    monkeypatch.setattr(supervised, "ITERATED_LATELY_SEC", 0.3)
    return Process()


@pytest.fixture(params=[None, "hub"], ids=["embedded broker", "other broker"])
def consumer(process: Process, request: pytest.FixtureRequest) -> Consumer:
    """Connected to its broker."""
    return Consumer(process, request.param)


@pytest.fixture
def signs(consumer: Consumer) -> Iterator[LifeSigns]:
    """The step of a running worker."""
    step = LifeSigns(consumer)
    step.start(consumer)
    yield step
    step._stopping()


def _works(signs: LifeSigns, consumer: Consumer) -> bool:
    consumer.tick()
    return signs.works()


def test_worker_is_live_while_its_loops_run(signs: LifeSigns, consumer: Consumer) -> None:
    with pytest.raises(AssertionError):
        wait_until(lambda: not _works(signs, consumer), 0.6, "it falls silent")


def test_worker_with_a_hanging_consumer_counts_as_hung_while_inference_goes_on(
    signs: LifeSigns, consumer: Consumer
) -> None:
    consumer.turning = False
    wait_until(lambda: not _works(signs, consumer), 5, "it is seen")
    consumer.turning = True
    wait_until(lambda: _works(signs, consumer), 5, "it works again")


def test_worker_with_a_hanging_inference_loop_counts_as_hung_while_it_takes_tasks(
    signs: LifeSigns, consumer: Consumer, process: Process
) -> None:
    process.turning = False
    wait_until(lambda: not _works(signs, consumer), 5, "it is seen")


def test_worker_that_is_connecting_to_its_broker_counts_as_alive(
    signs: LifeSigns, consumer: Consumer
) -> None:
    consumer.turning = False
    signs.stop(consumer)
    with pytest.raises(AssertionError):
        wait_until(lambda: not _works(signs, consumer), 0.6, "it falls silent")


def test_each_turn_of_the_event_loop_checks_the_queues(process: Process) -> None:
    consumer = Consumer(process, "hub")
    step = LifeSigns(consumer)
    step.start(consumer)
    consumer.tick()
    step._stopping()
    assert consumer.checks == 1
