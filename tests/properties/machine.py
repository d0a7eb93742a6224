"""The machine takes steps of the real pipeline in random order and kills workers between them.

After each step it compares ledger and store with the model.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from easyai.domain.service import ServiceState
from easyai.domain.verdict import CallResult
from tests.properties.model import MAX_ATTEMPTS, Model, assert_pictures, assert_within_limits
from tests.properties.world import CAMERAS, ENDPOINTS, TYPES, Worker, World

_WORKERS = st.integers(0, 2)
_TYPES = st.sampled_from(TYPES)
_CAMERAS = st.sampled_from(CAMERAS)
# SUPERSEDED is no answer: the frame of a replaced picture ends so without an answer.
_POSSIBLE = [kind for kind in CallResult if kind is not CallResult.SUPERSEDED]
_KINDS = st.sampled_from([CallResult.INFERRED] * 4 + _POSSIBLE)
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
    seen: Counter[str]  # the states that the runs have led to

    def __init__(self) -> None:
        super().__init__()
        self.world = type(self).make_world()
        self.site, self.clock = self.world.site, self.world.clock
        self.model = Model(type(self).seen)
        self._sound = False

    def worker(self, number: int) -> Worker:
        """A worker."""
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
    def transaction(self, number: int, task_type: str, leasing: bool) -> None:
        """A worker records, settles and leases."""
        group = list(self.worker(number).answered)
        _, dispatched = self.world.transaction(self.worker(number), task_type, leasing)
        self._turned(
            [answer for answer in group if answer.frame.task_type == task_type], dispatched
        )

    @rule(number=_WORKERS, task_type=_TYPES)
    def turn_whose_commit_is_not_heard(self, number: int, task_type: str) -> None:
        """Committed, but the worker takes it for failed and will do it again."""
        group = list(self.worker(number).answered)
        dispatched = self.world.turn_unheard(self.worker(number), task_type)
        self._turned(
            [answer for answer in group if answer.frame.task_type == task_type], dispatched
        )

    @rule(number=_WORKERS, task_type=_TYPES)
    def turn_that_rolls_back(self, number: int, task_type: str) -> None:
        """The end of the process or of the connection before the commit."""
        self.world.turn_rolled_back(self.worker(number), task_type)

    def _turned(self, group: list[Any], dispatched: Any) -> None:
        frames = self.site.frames()
        self.model.settled(group, {row["id"]: row["attempts"] for row in frames})
        self.model.leased(dispatched, self.clock(), frames)
        rows = {row["pk"]: row for row in self.site.rows("SELECT * FROM services")}
        assert_within_limits(self.model, dispatched, self.world.limits, rows)

    @precondition(lambda self: any(worker.calls for worker in self.world.workers))
    @rule(number=_WORKERS, answers=_ANSWERS)
    def answer(self, number: int, answers: list[tuple[CallResult, int]]) -> None:
        """Calls of a worker end."""
        self.world.end_calls(self.world.busy(number), answers)

    @rule(number=_WORKERS, task_type=_TYPES, answers=_ANSWERS, heard=st.booleans())
    def work(
        self, number: int, task_type: str, answers: list[tuple[CallResult, int]], heard: bool
    ) -> None:
        """The way of most frames: leased, answered, settled, carried."""
        self.transaction(number, task_type, leasing=True)
        self.world.end_calls(self.worker(number), answers)
        if heard:
            self.transaction(number, task_type, leasing=False)
            self.carry()
        else:
            self.turn_whose_commit_is_not_heard(number, task_type)

    @rule(number=_WORKERS, task_type=_TYPES, answers=_ANSWERS)
    def work_that_goes_wrong(
        self, number: int, task_type: str, answers: list[tuple[CallResult, int]]
    ) -> None:
        """Settled and killed before the pictures are carried."""
        self.transaction(number, task_type, leasing=True)
        self.world.end_calls(self.worker(number), answers)
        self.turn_that_rolls_back(number, task_type)
        self.transaction(number, task_type, leasing=True)
        self.kill(number)

    @rule(number=_WORKERS, task_type=_TYPES, brought_back=st.booleans())
    def work_that_is_refused(self, number: int, task_type: str, brought_back: bool) -> None:
        """An algorithm takes none of the frames it is given, until they have failed."""
        for _ in range(MAX_ATTEMPTS):
            self.transaction(number, task_type, leasing=True)
            while self.worker(number).calls:
                self.world.answer(self.worker(number), 0, CallResult.REFUSED, 0)
            for each in TYPES:
                self.transaction(number, each, leasing=False)
            self.time_passes(6.0)
        self.world.carry(self.worker(number))
        self.transaction(number, task_type, leasing=False)
        if brought_back:
            self.requeue()

    @precondition(lambda self: any(worker.calls for worker in self.world.workers))
    @rule(successor=_WORKERS, task_type=_TYPES)
    def leases_are_outlived(self, successor: int, task_type: str) -> None:
        """Workers are frozen until their leases are over and others have their frames.

        The first worker still finishes its work.
        """
        frozen = self.world.busy(successor)
        number, late = self.world.workers.index(frozen), frozen.calls[0][0].task_type
        self.time_passes(16.0)
        self.sweep()
        self.transaction(successor, task_type, leasing=True)
        self.world.answer(frozen, 0, CallResult.INFERRED, 1)
        self.transaction(number, late, leasing=False)

    @precondition(lambda self: any(worker.moves for worker in self.world.workers))
    @rule()
    def carry(self) -> None:
        """Workers move and delete their pictures."""
        for worker in self.world.workers:
            self.world.carry(worker)

    @rule(number=_WORKERS)
    def renew(self, number: int) -> None:
        """A worker renews its leases."""
        self.model.renewed(self.world.renew(self.worker(number)), self.clock())

    @rule(number=_WORKERS, task_type=_TYPES)
    def stop(self, number: int, task_type: str) -> None:
        """A worker that has just leased stops in order."""
        self.transaction(number, task_type, leasing=True)
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

    @rule(heals=st.booleans())
    def all_services_die(self, heals: bool) -> None:
        """An outage: waiting frames are parked, some are leased after the return."""
        for endpoint in ENDPOINTS:
            self.world.silence(endpoint, ServiceState.OFFLINE)
        self.scan()
        if heals:
            for endpoint in ENDPOINTS:
                self.world.register(endpoint, None)
            self.transaction(0, TYPES[0], leasing=True)

    @rule(installation=st.integers(1, 9), own_type=st.integers(1, 4), strategy=_STRATEGIES)
    def limits_change(self, installation: int, own_type: int, strategy: str) -> None:
        """An operator changes limits, and the policy for too many waiting frames."""
        self.world.set_limits(installation, own_type, strategy)
        self.scan()

    @invariant()
    def every_frame_has_one_state_and_its_picture_is_there(self) -> None:
        """P1 and P4 after each step."""
        self._sound = False
        frames, alerts = self.site.frames(), self.site.alerts()
        self.model.assert_equal(frames, alerts)
        where = self.world.where_pictures_lie()
        assert_pictures(self.world.pictures, where, frames, alerts)
        (counted,) = self.site.rows(_DROPS)
        assert (counted["n"] or 0) == sum(row["state"] == "dropped" for row in frames)
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
            self.transaction(0, task_type, leasing=True)
            while worker.calls:
                self.world.answer(worker, 0, CallResult.INFERRED, 1)
            self.transaction(0, task_type, leasing=False)
            self.world.carry(worker)
        self.time_passes(61.0)
