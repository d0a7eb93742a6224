"""A run: machines, processes, services, cameras and faults of a plan, and their outcome."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from unittest.mock import patch

from easyai.db import clock, leases
from easyai.errors import EasyaiError
from easyai.runtime import Owner, Runtime
from easyai.settings.schema import Settings
from tests.simulation import pipeline
from tests.simulation.cameras import Album, CameraPlan
from tests.simulation.checks import Ledger
from tests.simulation.clients import Client
from tests.simulation.clocks import simulated_identity, simulated_time, true_time
from tests.simulation.database import SharedDatabase, SimDatabase
from tests.simulation.faults import Faults
from tests.simulation.leased import Leases
from tests.simulation.monitor import Monitor
from tests.simulation.plan import TRIPWIRE, Plan
from tests.simulation.scheduler import EPOCH, Machine, Process, RunawayError, Scheduler
from tests.simulation.services import Network
from tests.simulation.site import Site
from tests.simulation.steady import steady_cameras
from tests.simulation.story import Story

_RECOVERY_SEC = 150.0  # after the last fault, until every frame is over
# Where a picture that breaks its service steps aside, a minute each time, for its camera's others.
_SLOW_RECOVERY_SEC = 330.0
_ASIDE_SEC = 65.0  # of a picture on which services break
_LOOK_EVERY_SEC = 3.0
_BEAT_LEASE_SEC, _BEAT_SEC = 5.0, 1.0


@dataclass
class Outcome:
    """The outcome of a run."""

    violations: list[str] = field(default_factory=list)
    story: list[str] = field(default_factory=list)
    seconds: float = 0.0  # simulated
    frames: int = 0


class FixedSource:
    """Settings that never change."""

    fault = ""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def current(self) -> Settings:
        """The settings."""
        return self._settings


class World:
    """Everything of a run."""

    def __init__(self, plan: Plan, ignored: frozenset[str] = frozenset()) -> None:
        """`ignored`: kinds of violations, the word before the colon, that end no run."""
        self.plan = plan
        self._ignored = ignored
        self.scheduler = Scheduler(plan.seed)
        self.story = Story(self.scheduler, self.violate)
        self.violations: list[str] = []
        self.album = Album()
        self.site = Site(plan, self.scheduler, self.album, self.story.note)
        self.database = SharedDatabase(self.scheduler)
        self.database.unheard = plan.unheard
        self.machines = [
            Machine(f"machine{number}", plan.offsets[number], plan.drifts[number])
            for number in range(plan.machines)
        ]
        self.source: Any = FixedSource(Settings.model_validate({"ai_analysis": plan.settings}))
        self.network = Network(
            self.scheduler, self.album, self.site.fetch, self.violate, self.story.note
        )
        self.network.of_installation = plan.settings["max_concurrent_infer"]
        self.network.lease_sec = plan.settings["lease_sec"]
        self.broker = pipeline.Broker(self.scheduler)
        analysis = self.source.current().ai_analysis
        self.network.limits = analysis.type_limit
        self.monitor = Monitor(
            plan, self.scheduler, self.album, self.database, self.network, analysis, self.violate
        )
        self.leases = Leases(plan, analysis)
        self.processes: list[Process] = []  # dead processes too
        self.workers: list[Process] = []
        self._served = {name for service in plan.services for name in service.task_types}
        self.beats: list[Process] = []
        self.deleted: set[int] = set()  # frames whose alerts an operator deleted
        self.api = self.runtime()
        self.deaf_until = 0.0  # heartbeats get lost
        self._poisons_left = True
        self.faults = Faults(self)

    def violate(self, text: str) -> None:
        """A promise is broken: the run ends."""
        if text.split(":")[0] in self._ignored:
            return
        self.story.note(f"VIOLATION {text}")
        self.violations.append(text)
        self.scheduler.failures.append(("world", AssertionError(text)))

    def _inference_failed(self, why: str) -> None:
        self.violate(f"error: {why}")

    def runtime(self) -> Runtime:
        """The runtime of a new process."""
        database = SimDatabase(self.database)
        return Runtime(
            self.source,
            database,
            self.site.open(Owner(database)),
            self.site.signer,
            pipeline.Doorbell(self.broker),
        )

    def machine(self, number: int) -> Machine:
        """The machine on which the n-th process of a kind runs."""
        return self.machines[number % len(self.machines)]

    # Processes

    def _process(self, name: str, number: int) -> Process:
        """A process with a number that none had before."""
        self.processes.append(Process(name, self.machine(number), len(self.processes) + 100))
        return self.processes[-1]

    def start_worker(self, number: int) -> None:
        """Start a worker, in place of its predecessor."""
        process = self._process(f"worker{number}", number)
        self.workers[number : number + 1] = [process]

        def begin() -> None:
            worker = pipeline.Worker(
                self.scheduler, process, self.runtime(), self.broker, self._inference_failed
            )
            worker.after_scan = self.monitor.scanned
            worker.start(self.plan.slots)

        self.scheduler.spawn(f"{process.name} main", process, begin)

    def start_beat(self, number: int) -> None:
        """Start a beat, in place of its predecessor."""
        process = self._process(f"beat{number}", number + 1)
        self.beats[number : number + 1] = [process]
        self.scheduler.spawn(process.name, process, lambda: self._beat(process.name))

    def _beat(self, name: str) -> None:
        """As easyai.tasks.beat: ticks while it holds the lease."""
        database, due = SimDatabase(self.database), dict.fromkeys(pipeline.INTERVALS, 0.0)
        number = self.scheduler.current.rng.getrandbits(32)
        while True:
            try:
                with database.write() as conn:
                    now = clock.now(conn)
                    leads = leases.acquire(conn, "beat", f"{name}:{number}", _BEAT_LEASE_SEC, now)
            except EasyaiError:
                leads = False
            for task, at in due.items():
                if leads and self.scheduler.now >= at:
                    self.broker.send(task)
                    due[task] = self.scheduler.now + pipeline.INTERVALS[task]
            self.scheduler.sleep(_BEAT_SEC)

    # The run

    def run(self) -> Outcome:
        """From nothing to the last check."""
        with ExitStack() as stack:
            stack.enter_context(simulated_time(self.scheduler, self.machines))
            for where, name, replacement in (
                *pipeline.replacements(self.network),
                *pipeline.short_memory(self.plan.kept_sec),
            ):
                stack.enter_context(patch.object(where, name, replacement))
            stack.enter_context(simulated_identity(self.scheduler, self.processes))
            if self.plan.machines > 1:
                for name in ("now", "estimate"):
                    stack.enter_context(patch.object(clock, name, self._true_time))
            stack.enter_context(self.site.in_use())
            self.story.attach()
            stack.callback(self.story.detach)
            stack.callback(self.scheduler.stop)
            self._run()
        return Outcome(
            self.violations, list(self.story.lines), self.scheduler.now, len(self.album.versions)
        )

    def _true_time(self, _: object) -> float:
        return true_time(self.scheduler)

    def _run(self) -> None:
        plan = self.plan
        with self.database.transaction() as conn:
            conn.exec_driver_sql(
                "INSERT INTO events (id, at, kind, subject, text)"
                " VALUES (0, ?, 'installed', '', '')",
                (EPOCH - 30 * 86_400.0,),
            )
            self.leases.watch(conn)
        for number in range(plan.workers):
            self.start_worker(number)
        for number in range(plan.beats):
            self.start_beat(number)
        for service in plan.services:
            self.scheduler.spawn(service.name, None, Client(self, service).run)
        self.scheduler.spawn("monitor", None, self.monitor.run)
        cameras = [self._start_camera(camera, self._before_horizon) for camera in plan.cameras]
        faults = [
            self.scheduler.spawn("fault", None, partial(self.faults.happen, f)) for f in plan.faults
        ]
        try:
            while not all(task.done for task in (*cameras, *faults)) and not self._failed():
                self.scheduler.run(self.scheduler.now + _LOOK_EVERY_SEC)
            self._recover()
        except RunawayError as error:
            self.violate(f"runaway: {error}")
        self._failed()

    def _before_horizon(self) -> bool:
        return self.scheduler.now < self.plan.horizon

    def _start_camera(self, plan: CameraPlan, goes_on: Callable[[], bool]) -> Any:
        work = self.site.camera(plan, goes_on)
        return self.scheduler.spawn(f"camera {plan.name}", None, work, after=plan.start)

    def _recover(self) -> None:
        self.database.unheard = 0.0
        for camera in steady_cameras(self.plan, self.network.limits):
            self._start_camera(camera, lambda: self._poisons_left)
        recovery_sec = self._recovery_sec()
        until = max(self.scheduler.now, self.plan.horizon) + recovery_sec
        left = ["nothing was looked at"]
        while left and self.scheduler.now < until and not self._failed():
            self.scheduler.run(self.scheduler.now + _LOOK_EVERY_SEC)
            with self.database.looking() as conn:
                ledger = Ledger(conn, self.album, self.site)
                self.leases.look(conn, self.violate)
            left, self._poisons_left = (
                ledger.waiting(self._served),
                ledger.poisons_left(self._served),
            )
        if self._failed():
            return
        if left:
            self.violate(f"late: {len(left)} not over after {recovery_sec:g} s, {left[0]}")
            return
        for text in ledger.violations(self.network.inferred, self.deleted):
            self.violate(text)

    def _recovery_sec(self) -> float:
        steps_aside = any(
            camera.poisons and camera.task_type == TRIPWIRE for camera in self.plan.cameras
        )
        own_sec = _SLOW_RECOVERY_SEC if steps_aside else _RECOVERY_SEC
        return own_sec + self._further_asides_sec() + self.monitor.hanging_takes_sec()

    def _further_asides_sec(self) -> float:
        """With a camera in order each picture steps aside by itself, after the previous picture."""
        counts = [
            len(camera.poisons) for camera in self.plan.cameras if camera.task_type == TRIPWIRE
        ]
        return _ASIDE_SEC * max(0, max(counts, default=0) - 1)

    def _failed(self) -> bool:
        for name, error in self.scheduler.failures:
            if name != "world":
                self.violations.append(f"error: {name}: {type(error).__name__}: {error}"[:500])
                self.story.note(self.violations[-1])
                self.error = error
        self.scheduler.failures[:] = [
            failure for failure in self.scheduler.failures if failure[0] == "world"
        ]
        return bool(self.violations)
