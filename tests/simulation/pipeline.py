"""The adapter: a worker process of the simulation around the real pipeline.

Real are the scan, the sweep, upkeep, claims, turns, the caller, carrying, renewal and all SQL; the
threads of Celery and the event loop are actors here.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Iterator
from typing import Any, TypeVar

from easyai.db import clock, ledger
from easyai.db.ledger import LeasedFrame
from easyai.domain.verdict import Verdict, judge
from easyai.errors import DatabaseUnavailableError, EasyaiError
from easyai.pipeline import alert_removal, caller, intake, upkeep
from easyai.pipeline.algo_config import AlgoConfigs
from easyai.pipeline.dispatch import Dispatched, Endpoint
from easyai.pipeline.pictures import CarriedOut, Errand, carry_out
from easyai.pipeline.prepare import prepare
from easyai.pipeline.settle import Answered, Settled
from easyai.pipeline.turn import turn
from easyai.process import identity
from easyai.registry import sweep as registry_sweep
from easyai.registry import vitals
from easyai.runtime import Runtime
from easyai.tasks.claim import claimed
from easyai.tasks.config import SWEEP_INTERVAL_SEC, UPKEEP_INTERVAL_SEC
from tests.simulation.scheduler import Actor, Lock, Process, Scheduler, Signal
from tests.simulation.services import Network

SCAN, SWEEP, UPKEEP, INFER = "scan", "sweep", "upkeep", "infer"
INTERVALS = {SCAN: 1.0, SWEEP: SWEEP_INTERVAL_SEC, UPKEEP: UPKEEP_INTERVAL_SEC}
_PUMP_BUDGET_SEC = 3.0
_GIVE_UP_AFTER = 0.8
_LOOK_AGAIN_SEC = 0.2
_IDLE_SEC = 10.0
_OUTAGE_PAUSE_SEC = 0.5
_TICK_EXPIRES_SEC = 30.0

Result = TypeVar("Result")
Message = tuple[str, str, float]  # task, task type, sent at


def run_coroutine(work: Coroutine[Any, Any, Result]) -> Result:
    """The result of a coroutine that never waits for a loop: what it waits for are actors."""
    try:
        work.send(None)
    except StopIteration as stop:
        result: Result = stop.value
        return result
    raise AssertionError("it waits for an event loop")


async def to_thread(work: Callable[..., Result], *args: Any) -> Result:
    """Stands in for asyncio.to_thread."""
    return work(*args)


class SimCaller(caller.Caller):
    """The real caller over the network of the simulation."""

    def __init__(self, runtime: Runtime, network: Network) -> None:
        self._store = runtime.store
        self._configs = AlgoConfigs(runtime)
        self._network = network

    async def _exchange(
        self, frame: LeasedFrame, endpoint: str, timeout_sec: float, started: float
    ) -> Verdict:
        config = self._configs.get(frame.task_type, frame.task_id)
        began = self._network.scheduler.now
        status, body = self._network.post(endpoint, self._body(frame, config), timeout_sec)
        return judge(status, body, (self._network.scheduler.now - began) * 1000)

    async def _unreachable(self, frame: LeasedFrame) -> str:
        return "status 404" if self._store.gone(frame.image_key) else ""


class Broker:
    """Queues of messages that may get lost, doubled or late: they only wake."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._queue: deque[Message] = deque()
        self.sent = Signal(scheduler)

    def send(self, task: str, task_type: str = "") -> None:
        """Send a message, unless the same one waits."""
        if any(one[:2] == (task, task_type) for one in self._queue):
            return
        self._queue.append((task, task_type, self._scheduler.now))
        self.sent.set()

    def take(self) -> Message | None:
        """The next message that has not expired."""
        while self._queue:
            message = self._queue.popleft()
            if self._scheduler.now - message[2] < _TICK_EXPIRES_SEC:
                return message
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


class Worker:
    """One worker process: threads that take messages, and a lane for each type."""

    def __init__(
        self,
        scheduler: Scheduler,
        process: Process,
        runtime: Runtime,
        broker: Broker,
        network: Network,
    ) -> None:
        self.scheduler = scheduler
        self.process = process
        self.runtime = runtime
        self.writer = Lock(scheduler)
        self.caller = SimCaller(runtime, network)
        self.lanes: dict[str, Lane] = {}
        self.leases = 0
        self.owner = f"{identity.mark()}.{process.pid}"
        self.after_scan: Callable[[], None] = lambda: None
        self._broker = broker
        self._renewed_at = 0.0

    def start(self, slots: int) -> None:
        """Begin to work."""
        for number in range(slots):
            self.scheduler.spawn(f"{self.process.name} slot{number}", self.process, self._slot)
        self.scheduler.spawn(f"{self.process.name} renewal", self.process, self._keep_leases)

    def _slot(self) -> None:
        while True:
            message = self._broker.take()
            if message is None:
                self._broker.sent.wait(_IDLE_SEC)
                continue
            try:
                self._handle(*message[:2])
            except EasyaiError as error:
                if not error.retryable:
                    raise

    def _handle(self, task: str, task_type: str) -> None:
        if task == INFER:
            self._pump(task_type)
            return
        with claimed(self.runtime.db, task, INTERVALS[task] / 2) as ours:
            if ours:
                self._duty(task)

    def _duty(self, task: str) -> None:
        if task == SCAN:
            woken = intake.scan(self.runtime).waiting
            self.after_scan()
        elif task == SWEEP:
            woken = sorted(registry_sweep.sweep(self.runtime).woken)
        else:
            upkeep.run(self.runtime)
            return
        self.runtime.doorbell.ring_all(woken)

    def _pump(self, task_type: str) -> None:
        lane = self.lanes.get(task_type)
        if lane is None:
            lane = self.lanes[task_type] = Lane(self, task_type)
        lane.wake(self.scheduler.now + _PUMP_BUDGET_SEC)
        if lane.pumping:
            return
        lane.pumping = True
        lane.ended.wait(_PUMP_BUDGET_SEC)
        lane.pumping = False
        if lane.woken:
            self.runtime.doorbell.ring_all([task_type])

    def _keep_leases(self) -> None:
        """Renews as InferenceLoop does, and gives up the calls that it could not renew in time."""
        lease_sec = self.runtime.settings.ai_analysis.lease_sec
        self._renewed_at = self.scheduler.now
        while True:
            self.scheduler.sleep(min(0.5, lease_sec / 10))
            tokens = sorted({token for lane in self.lanes.values() for token in lane.tokens()})
            began = self.scheduler.now
            if not tokens:
                self._renewed_at = began
            elif began - self._renewed_at >= _GIVE_UP_AFTER * lease_sec:
                for lane in self.lanes.values():
                    lane.cancel_calls()
                self._renewed_at = began
            elif began - self._renewed_at >= lease_sec / 3:
                self._renew(tokens, lease_sec, began)

    def _renew(self, tokens: list[str], lease_sec: float, began: float) -> None:
        try:
            with self.writer, self.runtime.db.write() as conn:
                ledger.renew(conn, tokens, clock.now(conn) + lease_sec)
            self._renewed_at = began
        except (DatabaseUnavailableError, TimeoutError):
            return


class Lane:
    """The frames of one type in one worker, as easyai.pipeline.lane drives `turn`."""

    def __init__(self, worker: Worker, task_type: str) -> None:
        self.task_type = task_type
        self.woken = False
        self.pumping = False
        self.ended = Signal(worker.scheduler)
        self._worker = worker
        self._lease_until = 0.0
        self._changed = Signal(worker.scheduler)
        self._calls: dict[Actor, LeasedFrame] = {}
        self._answered: list[Answered] = []
        self._settling: list[Answered] = []
        self._preparing: list[Dispatched] = []
        self._carrying = 0
        self._carried = CarriedOut()
        self._running = False

    def wake(self, lease_until: float) -> None:
        """There may be work."""
        self.woken, self._lease_until = True, lease_until
        self._changed.set()
        if not self._running:
            self._running = True
            name = f"{self._worker.process.name} lane {self.task_type}"
            self._worker.scheduler.spawn(name, self._worker.process, self._run)

    def tokens(self) -> set[str]:
        """The leases to be kept."""
        held = {frame.lease_token for frame in self._calls.values()}
        held |= {frame.lease_token for batch in self._preparing for frame in batch.frames}
        return held | {one.frame.lease_token for one in (*self._answered, *self._settling)}

    def cancel_calls(self) -> None:
        """Give up the calls under way."""
        for call in list(self._calls):
            self._worker.scheduler.end(call)
        self._calls.clear()
        self._changed.set()

    def _may_lease(self) -> bool:
        return self.woken and self._worker.scheduler.now < self._lease_until

    def _run(self) -> None:
        while True:
            hungry = False
            idle = not (self._calls or self._preparing or self._carrying)
            if self._may_lease() or self._answered or (self._carried and idle):
                hungry = self._turn()
            if hungry:
                continue
            if not (self._calls or self._preparing or self._carrying):
                if self._answered or self._carried:
                    continue
                if not self._may_lease():
                    break
            self._changed.wait(_LOOK_AGAIN_SEC if self._may_lease() else 60.0)
        self._running = False
        self.ended.set()

    def _turn(self) -> bool:
        worker = self._worker
        group, self._answered = self._answered, []
        carried, self._carried = self._carried, CarriedOut()
        leasing = self._may_lease()
        worker.leases += leasing
        token = f"{worker.owner}-{worker.leases}" if leasing else None
        began, self._settling = worker.scheduler.now, group
        self.woken = self.woken and not leasing
        try:
            with worker.writer:
                serves = self.task_type.__eq__
                settled, leased = turn(worker.runtime, group, carried, token, serves=serves)
        except (DatabaseUnavailableError, TimeoutError):
            self._answered, self._settling = group + self._answered, []
            self.woken = self.woken or leasing
            carried.add(self._carried)
            self._carried = carried
            worker.scheduler.sleep(_OUTAGE_PAUSE_SEC)
            return False
        self._settling = []
        self._follow(settled, leased, carried, began)
        return len(leased.frames) >= worker.runtime.settings.ai_analysis.batch_size

    def _follow(
        self, settled: Settled, leased: Dispatched, carried: CarriedOut, began: float
    ) -> None:
        worker = self._worker
        if leased.frames:
            name = f"{worker.process.name} prepare"
            self._preparing.append(leased)
            worker.scheduler.spawn(name, worker.process, lambda: self._prepare(leased, began))
        errands = settled.errands + [renamed for _, renamed in carried.taken]
        if errands:
            self._carrying += 1
            name = f"{worker.process.name} pictures"
            worker.scheduler.spawn(name, worker.process, lambda: self._carry(errands))
        self.woken = self.woken or bool(leased.crowded)

    def _prepare(self, leased: Dispatched, began: float) -> None:
        prepared = prepare(self._worker.runtime, leased.frames)
        for frame, verdict in prepared.ended:
            self._answered.append(Answered(frame, leased.endpoints[frame.service_pk], verdict))
        for frame in prepared.ready:
            self._start_call(frame, leased.endpoints[frame.service_pk], began)
        self._preparing.remove(leased)
        self._changed.set()

    def _start_call(self, frame: LeasedFrame, endpoint: Endpoint, began: float) -> None:
        worker = self._worker
        name = f"{worker.process.name} call {frame.id}"
        call = worker.scheduler.spawn(
            name, worker.process, lambda: self._call(call, frame, endpoint, began)
        )
        self._calls[call] = frame

    def _call(self, call: Actor, frame: LeasedFrame, endpoint: Endpoint, leased_at: float) -> None:
        worker = self._worker
        analysis = worker.runtime.settings.ai_analysis
        if worker.scheduler.now <= leased_at + _GIVE_UP_AFTER * analysis.lease_sec:
            verdict = run_coroutine(
                worker.caller.call(
                    frame,
                    endpoint.url,
                    analysis.infer_timeout_sec,
                    last_attempt=frame.attempts + 1 >= analysis.max_attempts,
                )
            )
            self._answered.append(Answered(frame, endpoint, verdict))
        self._calls.pop(call, None)
        self._changed.set()

    def _carry(self, errands: list[Errand]) -> None:
        self._carried.add(carry_out(self._worker.runtime.store, errands))
        self._carrying -= 1
        self._changed.set()


def delete_alerts(runtime: Runtime, ids: list[int]) -> None:
    """An operator deletes alerts."""
    alert_removal.delete_alerts(runtime, ids)


class SimPool:
    """Stands in for ThreadPoolExecutor: its work is done where it is asked for."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __enter__(self) -> SimPool:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def map(self, work: Callable[..., Result], *items: Iterable[Any]) -> Iterator[Result]:
        """As Executor.map."""
        return map(work, *items)


def replacements(network: Network) -> list[tuple[Any, str, Any]]:
    """What the run replaces in the pipeline: probes, pools of threads, and waiting for one."""
    pooled = [
        (module, "ThreadPoolExecutor", SimPool)
        for name, module in sorted(sys.modules.items())
        if name.startswith("easyai.") and hasattr(module, "ThreadPoolExecutor")
    ]
    probes = (vitals, "probe_all", network.probe)
    return [(asyncio, "to_thread", to_thread), probes, *pooled]
