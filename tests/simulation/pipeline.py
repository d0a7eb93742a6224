"""The adapter: a worker process of the simulation around the real pipeline.

Real are the scan, the sweep, upkeep, claims, dispatcher, calls, renewal, carrying and all SQL; the
threads of Celery and the broker are actors, and the HTTP of the calls goes over the network of the
simulation.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from easyai.db import admitted_types
from easyai.db.ledger import LeasedFrame
from easyai.domain import type_places
from easyai.domain.reason import NO_REASON, Reason
from easyai.domain.verdict import Verdict, judge
from easyai.errors import EasyaiError, StoreUnavailableError
from easyai.pipeline import (
    alert_removal,
    caller,
    intake,
    type_gate,
    upkeep,
)
from easyai.pipeline import (
    worker_context as workshop,
)
from easyai.pipeline.algo_config import AlgoConfig, AlgoConfigs
from easyai.pipeline.infer import InferenceLoop
from easyai.pipeline.link_base import LinkBases
from easyai.pipeline.reclaim import reclaim
from easyai.registry import vitals
from easyai.registry.watch import SteadyClock
from easyai.runtime import Runtime
from easyai.service_http import service_networks
from easyai.tasks import sweep as registry_sweep
from easyai.tasks.config import SWEEP_INTERVAL_SEC, UPKEEP_INTERVAL_SEC
from easyai.tasks.single_run import claimed
from easyai.tracing.journey import Call
from tests.simulation.loop import SimLoop, SimPool
from tests.simulation.scheduler import Process, Scheduler, Signal
from tests.simulation.services import Network

SCAN, SWEEP, UPKEEP, INFER = "scan", "sweep", "upkeep", "infer"
INTERVALS = {SCAN: 1.0, SWEEP: SWEEP_INTERVAL_SEC, UPKEEP: UPKEEP_INTERVAL_SEC}
_IDLE_SEC = 10.0
_TICK_EXPIRES_SEC = 30.0

Message = tuple[str, float]  # task type or '', sent at


class SimCaller(caller.Caller):
    """The real caller over the network of the simulation."""

    network: Network

    def __init__(self, runtime: Runtime) -> None:
        self._store = runtime.store
        self._configs = AlgoConfigs(runtime)
        self._runtime = runtime
        self._link_bases = LinkBases()

    async def close(self) -> None:
        """Nothing is open."""

    async def _exchange(
        self,
        frame: LeasedFrame,
        config: AlgoConfig,
        endpoint: str,
        timeout_sec: float,
        started: float,
        traced: Call | None,
    ) -> Verdict:
        body = await self._body(frame, config, endpoint)
        network, loop = self.network, asyncio.get_running_loop()
        assert isinstance(loop, SimLoop)
        began = network.scheduler.now
        status, answer = await loop.in_actor(
            f"call of frame {frame.id}", lambda: network.post(endpoint, body, timeout_sec)
        )
        return judge(status, answer, (network.scheduler.now - began) * 1000)

    async def _unreachable(self, frame: LeasedFrame) -> Reason:
        try:
            gone = await asyncio.to_thread(self._store.gone, frame.image_key)
        except StoreUnavailableError as error:
            return error.reason
        return Reason.of("call.status", status=404) if gone else NO_REASON


class Broker:
    """Queues of messages that may get lost, doubled or late: they only wake."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._queues: dict[str, deque[Message]] = {}
        self.sent: dict[str, Signal] = {
            task: Signal(scheduler) for task in (SCAN, SWEEP, UPKEEP, INFER)
        }

    def send(self, task: str, task_type: str = "") -> None:
        """Send a message, unless an equal message waits."""
        queue = self._queues.setdefault(task, deque())
        if any(waiting[0] == task_type for waiting in queue):
            return
        queue.append((task_type, self._scheduler.now))
        self.sent[task].set()

    def take(self, task: str) -> str | None:
        """The task type of the next message that has not expired, '' where it has none."""
        queue = self._queues.get(task, deque())
        while queue:
            task_type, sent_at = queue.popleft()
            if self._scheduler.now - sent_at < _TICK_EXPIRES_SEC:
                return task_type
        return None


class Doorbell:
    """As easyai.tasks.doorbell, without its memory of unanswered rings."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def ring_all(self, task_types: Iterable[str]) -> None:
        """Wake workers."""
        for task_type in task_types:
            self._broker.send(INFER, task_type)

    def close(self) -> None:
        """Nothing waits."""


class SimInference(InferenceLoop):
    """The inference of a worker, on a loop of the simulation."""

    def __init__(self, runtime: Runtime, loop: SimLoop) -> None:
        self._runtime = runtime
        self._drained = False
        self._loop = loop  # type: ignore[assignment]
        self._opening = loop.create_task(self._open(None))

    @property
    def is_open(self) -> bool:
        """Whether it can be woken."""
        return self._opening.done()


class Worker:
    """A worker process: a thread for each periodic task, some for wakes, and the inference."""

    def __init__(
        self,
        scheduler: Scheduler,
        process: Process,
        runtime: Runtime,
        broker: Broker,
        failed: Callable[[str], None],
    ) -> None:
        self.scheduler = scheduler
        self.process = process
        self.runtime = runtime
        self.after_scan: Callable[[], None] = lambda: None
        self._broker = broker
        self._loop = SimLoop(scheduler, process, failed)
        self._inference = SimInference(runtime, self._loop)

    def start(self, slots: int) -> None:
        """Begin to work."""
        self.runtime.part(SteadyClock)
        self._spawn("loop", self._loop.run)
        self._spawn("reclaim", lambda: self._try(lambda: reclaim(self.runtime)))
        for task in INTERVALS:
            self._spawn(task, lambda task=task: self._take(task))  # type: ignore[misc]
        for number in range(slots):
            self._spawn(f"slot{number}", lambda: self._take(INFER))

    def _spawn(self, name: str, work: Callable[[], None]) -> None:
        self.scheduler.spawn(f"{self.process.name} {name}", self.process, work)

    def _take(self, task: str) -> None:
        while True:
            task_type = self._broker.take(task)
            if task_type is None:
                self._broker.sent[task].wait(_IDLE_SEC)
            elif task != INFER:
                self._try(lambda: self._once(task))
            elif self._inference.is_open:
                self._inference.wake(task_type)
                self.scheduler.point()

    def _try(self, work: Callable[[], Any]) -> None:
        """As a Celery task: a retry comes with the next message."""
        try:
            work()
        except EasyaiError as error:
            if not error.retryable:
                raise

    def _once(self, task: str) -> None:
        with claimed(self.runtime.db, task, INTERVALS[task] / 2) as ours:
            if ours:
                self._run(task)

    def _run(self, task: str) -> None:
        if task == SCAN:
            woken = intake.scan(self.runtime).waiting
            self.after_scan()
        elif task == SWEEP:
            woken = sorted(registry_sweep.sweep(self.runtime).woken)
        else:
            upkeep.run(self.runtime)
            return
        self.runtime.doorbell.ring_all(woken)


def delete_alerts(runtime: Runtime, ids: list[int]) -> None:
    """An operator deletes alerts."""
    alert_removal.delete_alerts(runtime, ids)


def short_memory(kept_sec: float) -> list[tuple[Any, str, Any]]:
    """The values that a run replaces so that task types expire within it; none where it is 0.

    The times have the real proportions: a note is renewed well before it is too old.
    """
    if not kept_sec:
        return []
    here = sys.modules[__name__]
    return [
        (type_places, "KEPT_SEC", kept_sec),
        (type_places, "RENEW_SEC", kept_sec / 3),
        (admitted_types, "RENEW_SEC", kept_sec / 3),
        (type_gate, "_TRUST_SEC", kept_sec / 4),
        (here, "INTERVALS", {**INTERVALS, UPKEEP: kept_sec / 2}),
    ]


def replacements(network: Network) -> list[tuple[Any, str, Any]]:
    """The parts that a run replaces in the pipeline: HTTP, probes and thread pools."""
    SimCaller.network, SimPool.scheduler = network, network.scheduler
    pooled = [
        (module, pool, SimPool)
        for name, module in sorted(sys.modules.items())
        for pool in ("ThreadPoolExecutor", "SideBySide")
        if name.startswith("easyai.") and hasattr(module, pool)
    ]
    return [
        (workshop, "Caller", SimCaller),
        (vitals, "probe_all", network.probe),
        (service_networks, "resolve", lambda _host: []),  # a real look-up takes real time
        *pooled,
    ]
