"""P1, P4 and P5 hold however the steps of several workers interleave.

The machine takes steps of the real pipeline in random order, kills workers between any two of
them, and after each compares ledger and store with the model.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from easyai.domain.service import ServiceState
from easyai.domain.verdict import Kind
from tests.properties.model import Model, assert_pictures, assert_within_limits
from tests.properties.world import CAMERAS, ENDPOINTS, TYPES, Clock, Worker, World

_QUICK = settings(
    max_examples=15,
    stateful_step_count=30,
    derandomize=True,
    database=None,
    deadline=None,
    print_blob=True,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)
_WORKERS = st.integers(0, 2)
_TYPES = st.sampled_from(TYPES)
_CAMERAS = st.sampled_from(CAMERAS)
_KINDS = st.sampled_from([Kind.INFERRED] * 4 + list(Kind))
_ANSWERS = st.lists(st.tuples(_KINDS, st.integers(0, 2)), min_size=1, max_size=3)
_ENDPOINTS = st.sampled_from(sorted(ENDPOINTS))
_STEPS_OF_THE_CLOCK = st.sampled_from([0.3, 1.0, 6.0, 16.0, 70.0, 3600.0, -3600.0])
_STRATEGIES = st.sampled_from(["wait", "wait", "drop_oldest", "drop_newest", "latest_only"])
_DROPS = "SELECT sum(queue_full + too_old) AS n FROM statistics WHERE bucket = 0"
_LONGEST_RECOVERY = 60  # rounds

MakeWorld = Callable[[], World]


class Ledger(RuleBasedStateMachine):
    """Steps of cameras, workers, services and operators, in any order."""

    make_world: MakeWorld

    def __init__(self) -> None:
        super().__init__()
        self.world = type(self).make_world()
        self.site, self.clock = self.world.site, self.world.clock
        self.model = Model()
        self._sound = False

    def worker(self, number: int) -> Worker:
        """One of the workers."""
        return self.world.workers[number]

    @initialize(installation=st.integers(2, 9), limit=st.sampled_from([None, 2, 3]))
    def begin(self, installation: int, limit: int | None) -> None:
        """All services, and more frames than the limits let through."""
        self.world.set_limits(installation, own_type=3)
        for endpoint in ENDPOINTS:
            self.world.register(endpoint, limit)
        for task_type, camera, name in itertools.product(TYPES, CAMERAS, range(2)):
            self.world.write_picture(task_type, camera, name)
        self.scan()

    @rule(task_type=_TYPES, names=st.lists(st.tuples(_CAMERAS, st.integers(0, 9)), max_size=3))
    def frames_arrive(self, task_type: str, names: list[tuple[str, int]]) -> None:
        """Cameras write pictures, at times under a name that was used before; then a scan."""
        for camera, name in names:
            self.world.write_picture(task_type, camera, name)
        self.scan()

    def scan(self) -> None:
        """A scan, and the admission at its end."""
        self.site.scan()
        rows = self.site.frames()
        self.model.found(rows)
        self.model.given_up(rows, self.site.runtime.settings.ai_analysis.queue_full_strategy)

    @rule(number=_WORKERS, task_type=_TYPES, leasing=st.booleans())
    def turn(self, number: int, task_type: str, leasing: bool) -> None:
        """A worker records, settles and leases."""
        group = list(self.worker(number).answered)
        _, dispatched = self.world.turn(self.worker(number), task_type, leasing)
        self._turned([one for one in group if one.frame.task_type == task_type], dispatched)

    @rule(number=_WORKERS, task_type=_TYPES)
    def turn_whose_commit_is_not_heard(self, number: int, task_type: str) -> None:
        """Committed, but the worker takes it for failed and will do it again."""
        group = list(self.worker(number).answered)
        dispatched = self.world.turn_unheard(self.worker(number), task_type)
        self._turned([one for one in group if one.frame.task_type == task_type], dispatched)

    @rule(number=_WORKERS, task_type=_TYPES)
    def turn_that_rolls_back(self, number: int, task_type: str) -> None:
        """The end of the process or of the connection before the commit."""
        self.world.turn_rolled_back(self.worker(number), task_type)

    def _turned(self, group: list[Any], dispatched: Any) -> None:
        attempts = {row["id"]: row["attempts"] for row in self.site.frames()}
        self.model.settled(group, attempts)
        self.model.leased(dispatched, self.clock())
        rows = {row["pk"]: row for row in self.site.rows("SELECT * FROM services")}
        assert_within_limits(self.model, dispatched, self.world.limits, rows)

    @precondition(lambda self: any(worker.calls for worker in self.world.workers))
    @rule(number=_WORKERS, answers=_ANSWERS)
    def answer(self, number: int, answers: list[tuple[Kind, int]]) -> None:
        """Calls of a worker end."""
        busy = [worker for worker in self.world.workers if worker.calls]
        worker = busy[number % len(busy)]
        for kind, detections in answers[: len(worker.calls)]:
            self.world.answer(worker, detections, kind, detections)

    @rule(number=_WORKERS, task_type=_TYPES, answers=_ANSWERS, heard=st.booleans())
    def work(
        self, number: int, task_type: str, answers: list[tuple[Kind, int]], heard: bool
    ) -> None:
        """The way of most frames: leased, answered, settled, carried."""
        self.turn(number, task_type, leasing=True)
        worker = self.worker(number)
        for kind, detections in answers[: len(worker.calls)]:
            self.world.answer(worker, detections, kind, detections)
        if heard:
            self.turn(number, task_type, leasing=False)
            self.carry()
        else:
            self.turn_whose_commit_is_not_heard(number, task_type)

    @rule(number=_WORKERS, task_type=_TYPES, answers=_ANSWERS)
    def work_that_goes_wrong(
        self, number: int, task_type: str, answers: list[tuple[Kind, int]]
    ) -> None:
        """Settled and killed before the pictures are carried."""
        self.turn(number, task_type, leasing=True)
        worker = self.worker(number)
        for kind, detections in answers[: len(worker.calls)]:
            self.world.answer(worker, detections, kind, detections)
        self.turn_that_rolls_back(number, task_type)
        self.turn(number, task_type, leasing=True)
        self.kill(number)

    @precondition(lambda self: any(worker.calls for worker in self.world.workers))
    @rule(successor=_WORKERS, task_type=_TYPES)
    def leases_are_outlived(self, successor: int, task_type: str) -> None:
        """Workers are frozen until their leases are over and others have their frames."""
        self.time_passes(16.0)
        self.sweep()
        self.turn(successor, task_type, leasing=True)

    @precondition(lambda self: any(worker.errands for worker in self.world.workers))
    @rule()
    def carry(self) -> None:
        """Workers move and delete their pictures."""
        for worker in self.world.workers:
            self.world.carry(worker)

    @rule(number=_WORKERS)
    def renew(self, number: int) -> None:
        """A worker renews its leases."""
        self.model.renewed(self.world.renew(self.worker(number)), self.clock())

    @rule(number=_WORKERS)
    def stop(self, number: int) -> None:
        """A worker stops in order."""
        self.model.returned(self.world.stop(self.worker(number)))

    @rule(number=_WORKERS)
    def kill(self, number: int) -> None:
        """A worker is killed."""
        self.world.kill(self.worker(number))

    @rule()
    def sweep(self) -> None:
        """A sweep."""
        self.world.sweep()
        self.model.swept(self.clock())

    @rule(seconds=_STEPS_OF_THE_CLOCK)
    def time_passes(self, seconds: float) -> None:
        """The clock goes on, or steps."""
        self.clock.now += seconds

    @rule()
    def requeue(self) -> None:
        """An operator brings failed frames back."""
        before = self.site.frames()
        self.world.requeue()
        self.model.requeued(before)

    @precondition(lambda self: self.site.alerts())
    @rule(number=st.integers(0, 9))
    def delete_alert(self, number: int) -> None:
        """An operator deletes an alert."""
        alerts = self.site.alerts()
        row = alerts[number % len(alerts)]
        self.world.delete_alert(row)
        self.model.alert_deleted(row["frame_id"])

    @rule(number=st.integers(0, 9))
    def picture_is_taken_away(self, number: int) -> None:
        """Somebody removes a picture."""
        if self.world.pictures:
            self.world.take_away(self.world.pictures[number % len(self.world.pictures)])

    @rule(endpoint=_ENDPOINTS, change=st.sampled_from([None, 1, 2, *ServiceState]))
    def service_changes(self, endpoint: str, change: ServiceState | int | None) -> None:
        """A service registers with a limit (None: none), or goes."""
        if isinstance(change, ServiceState):
            self.world.silence(endpoint, change)
        else:
            self.world.register(endpoint, change)

    @rule(installation=st.integers(1, 9), own_type=st.integers(1, 4), strategy=_STRATEGIES)
    def limits_change(self, installation: int, own_type: int, strategy: str) -> None:
        """An operator changes limits, and what happens when too many frames wait."""
        self.world.set_limits(installation, own_type, strategy)

    @invariant()
    def every_frame_has_one_state_and_its_picture_is_there(self) -> None:
        """P1 and P4 after each step."""
        self._sound = False
        frames, alerts = self.site.frames(), self.site.alerts()
        self.model.assert_equal(frames, alerts)
        where = self.world.where_pictures_lie()
        assert_pictures(self.world.pictures, where, frames, alerts)
        counted = self.site.rows(
            "SELECT sum(queue_full + too_old) AS n FROM statistics WHERE bucket = 0"
        )
        assert (counted[0]["n"] or 0) == sum(row["state"] == "dropped" for row in frames)
        self._sound = True

    def teardown(self) -> None:
        """Everything comes back: every frame is inferred, every picture in its place."""
        try:
            if self._sound:
                self._recover()
        finally:
            self.site.close()

    def _recover(self) -> None:
        for number in range(3):
            self.kill(number)
        self.world.set_limits(installation=6, own_type=4)
        self.time_passes(100.0)
        for _ in range(_LONGEST_RECOVERY):
            self._recover_a_little()
            frames = self.site.frames()
            left = [row for row in frames if row["image_target"] is not None]
            left += [row for row in frames if row["state"] in ("pending", "parked", "leased")]
            if not left:
                self.every_frame_has_one_state_and_its_picture_is_there()
                return
        raise AssertionError(f"not inferred, or its picture not carried: {left}")

    def _recover_a_little(self) -> None:
        for endpoint in ENDPOINTS:
            self.world.register(endpoint, None)
        self.scan()
        self.sweep()
        for task_type, worker in itertools.product(TYPES, self.world.workers[:1]):
            self.turn(0, task_type, leasing=True)
            while worker.calls:
                self.world.answer(worker, 0, Kind.INFERRED, 1)
            self.turn(0, task_type, leasing=False)
            self.world.carry(worker)
        self.time_passes(61.0)


@pytest.fixture
def make_world(tmp_path: Path, fresh_url: Callable[[Path], str]) -> Iterator[MakeWorld]:
    """Makes an installation with an empty ledger and a clock, for each run of the machine."""
    numbers = itertools.count()
    with contextlib.ExitStack() as stack:
        clocks: list[Any] = []

        def make() -> World:
            folder = tmp_path / str(next(numbers))
            folder.mkdir()
            for clock in clocks:
                clock.stop()
            clocks[:] = [patch.object(time, "time", clock := Clock())]
            url = fresh_url(folder)
            clocks[0].start()
            return World(folder, url, clock)

        stack.callback(lambda: [clock.stop() for clock in clocks])
        yield make


def test_no_frame_is_lost_or_counted_twice_and_limits_hold(make_world: MakeWorld) -> None:
    machine = type("Machine", (Ledger,), {"make_world": staticmethod(make_world)})
    long = settings.get_current_profile_name() == "long"
    run_state_machine_as_test(machine, settings=settings.get_profile("long") if long else _QUICK)
