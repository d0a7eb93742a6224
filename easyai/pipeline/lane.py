"""A lane: the frames of one task type in one process, from lease to settled.

Follow a frame here: `turn` is one transaction that records carried pictures, settles what was
answered and leases what comes next; `Lane._call` sends a frame; `Lane._carry` moves pictures
after the commit. While a transaction runs, further answers gather and make the next one's group.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, replace
from functools import partial

from easyai.db.ledger import LeasedFrame
from easyai.domain.verdict import Kind, Verdict
from easyai.errors import DatabaseUnavailableError
from easyai.pipeline.confirm import confirm
from easyai.pipeline.dispatch import Dispatched, Endpoint
from easyai.pipeline.pictures import (
    CarriedOut,
    Errand,
    carry_out,
)
from easyai.pipeline.prepare import Prepared, prepare
from easyai.pipeline.settle import Answered, Settled
from easyai.pipeline.turn import turn
from easyai.pipeline.workshop import Workshop
from easyai.settings import AiAnalysis

log = logging.getLogger(__name__)

_GATHER_SEC = 0.002  # answers that arrive this close together are settled in one transaction
_LOOK_AGAIN_SEC = 0.2  # for room that workers elsewhere have made
_OUTAGE_PAUSE_SEC = 0.5
_TELL_EVERY_SEC = 1.0
_LARGEST_GROUP = 500  # answers settled in one transaction
GIVE_UP_AFTER = 0.8  # of a lease's length, without a renewal
_UNSETTLED = "internal error: the answer could not be written"


@dataclass(slots=True)
class Counts:
    """What became of frames; the numbers behind a pump's report and the log."""

    frames: int = 0  # leased
    finished: int = 0
    alerts: int = 0
    returned: int = 0
    late: int = 0


class Lane:
    """The frames of one task type in this process, from lease to settled.

    A lane leases while it `may_lease`, and lives until everything it leased is settled and carried.
    """

    def __init__(self, shop: Workshop, task_type: str) -> None:
        self.task_type = task_type
        self._total = Counts()
        self.lease_until = 0.0  # on the loop's clock
        self.woken = True  # somebody says that there is work; cleared when none was found
        self.leasing = False  # in a transaction that looks for frames
        self._shop = shop
        self._calls: dict[asyncio.Task[None], LeasedFrame] = {}
        self._preparing: dict[asyncio.Task[None], list[LeasedFrame]] = {}
        self._answered: list[Answered] = []
        self._settling: list[Answered] = []  # in the transaction under way
        self._carrying: set[asyncio.Task[None]] = set()
        self._carried = CarriedOut()
        self._changed = asyncio.Event()
        self._untold = Counts()
        self._told_at = self._scheduled_told_at = 0.0
        self._most = _LARGEST_GROUP

    def wake(self) -> None:
        """There may be new work."""
        self.woken = True
        self._changed.set()

    def may_lease(self) -> bool:
        """Whether to look for further frames."""
        return self.woken and asyncio.get_running_loop().time() < self.lease_until

    def counts(self) -> Counts:
        """What became of the frames of this lane so far."""
        return replace(self._total)

    def tokens(self) -> set[str]:
        """The leases to be kept alive."""
        held = {frame.lease_token for frame in self._calls.values()}
        held |= {frame.lease_token for batch in self._preparing.values() for frame in batch}
        return held | {one.frame.lease_token for one in (*self._answered, *self._settling)}

    async def run(self) -> None:
        """Work until there is nothing left to lease, call, settle or carry."""
        while True:
            self._changed.clear()
            hungry = False
            if self.may_lease() or self._answered or self._idle_but_carried():
                hungry = await self._turn()
            if hungry:
                continue  # a full batch was leased: there may be room for another at once
            if not (self._calls or self._preparing or self._carrying):
                if self._answered or self._carried:
                    continue
                if not self.may_lease():
                    self._tell(at_once=True)
                    return
            await self._gather()

    async def cancel_calls(self) -> int:
        """Give up the calls under way, how many; their leases are the caller's to give back."""
        count = len(self._calls) + sum(map(len, self._preparing.values()))
        # Those that prepare first: they start calls.
        for work in (self._preparing, self._calls):
            tasks = list(work)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for task in tasks:
                work.pop(task, None)
        self._changed.set()
        return count

    def _idle_but_carried(self) -> bool:
        return bool(self._carried) and not (self._calls or self._preparing or self._carrying)

    async def _gather(self) -> None:
        """Wait for answers; while looking for room, also for the room that others make."""
        looking = self.may_lease()
        if looking and not self._calls:
            self._shop.wait_for_room(self._changed)
        try:
            async with asyncio.timeout(_LOOK_AGAIN_SEC if looking else None):
                await self._changed.wait()
        except TimeoutError:
            return  # workers elsewhere make room without a word
        finally:
            self._shop.stop_waiting(self._changed)
        if self._calls:
            await asyncio.sleep(_GATHER_SEC)

    async def _turn(self) -> bool:
        """One transaction and what follows from it; whether a full batch was leased."""
        group, self._answered = self._answered[: self._most], self._answered[self._most :]
        carried, self._carried = self._carried, CarriedOut()
        leasing, shop = self.may_lease(), self._shop
        token = shop.next_token() if leasing else None
        began = time.monotonic()
        self._settling = group
        self.leasing = leasing
        self.woken = self.woken and not leasing  # a wake from here on tells of something new
        try:
            if group:
                confirmed = partial(confirm, shop.runtime, group, shop.movers)
                group = self._settling = await shop.prepare(confirmed)
            settled, dispatched = await self._shop.write(
                partial(turn, shop.runtime, self.task_type, group, carried, token)
            )
        except DatabaseUnavailableError as error:
            log.warning("ledger not written, trying again: %s", error)
            self._take_back(group, carried, leasing)
            await asyncio.sleep(_OUTAGE_PAUSE_SEC)
            return False
        except Exception:
            # One answer that cannot be written must not hold up the others, nor be lost unseen.
            log.exception("answers not settled: task_type=%s count=%d", self.task_type, len(group))
            # What was carried may be the cause: it stays in the ledger for the sweep.
            again = group if carried else self._isolate(group)
            self._take_back(again, CarriedOut(), leasing)
            await asyncio.sleep(_OUTAGE_PAUSE_SEC)
            return False
        self._settling, self.leasing = [], False
        if not self._answered:
            self._most = _LARGEST_GROUP
        self._start_calls(dispatched, began)
        errands = settled.errands + [renamed for _, renamed in carried.taken]
        if errands:
            self._start_carrying(errands)
        self.woken = self.woken or dispatched.more
        if leasing and not (dispatched.services or dispatched.resting):
            shop.tell_no_service(self.task_type)
        if settled.finished or settled.returned:
            shop.tell_room()
        self._count(settled, dispatched)
        return len(dispatched.frames) >= shop.runtime.settings.ai_analysis.batch_size

    def _take_back(self, group: list[Answered], carried: CarriedOut, leasing: bool) -> None:
        self._answered, self._settling, self.leasing = group + self._answered, [], False
        self.woken = self.woken or leasing
        carried.add(self._carried)
        self._carried = carried

    def _isolate(self, group: list[Answered]) -> list[Answered]:
        """After a failure of ours: settle one by one; the one that cannot be is tried again."""
        if len(group) != 1:
            self._most = 1
            return group
        (one,) = group
        if one.verdict.reason == _UNSETTLED:
            return []  # its lease expires: the frame is inferred anew
        return [Answered(one.frame, one.endpoint, Verdict(Kind.BROKEN, reason=_UNSETTLED))]

    def _start_calls(self, dispatched: Dispatched, leased_at: float) -> None:
        if dispatched.frames:
            task = asyncio.create_task(self._prepare(dispatched, leased_at))
            self._preparing[task] = dispatched.frames

    async def _prepare(self, dispatched: Dispatched, leased_at: float) -> None:
        """Make the pictures of a batch ready, then start its calls."""
        runtime, endpoints = self._shop.runtime, dispatched.endpoints
        try:
            prepared = await self._shop.prepare(
                partial(prepare, runtime, dispatched.frames, self._shop.movers)
            )
        except Exception as error:
            # A defect of ours must not lose the frames: they go back with its reason.
            log.exception("frames not prepared: task_type=%s", self.task_type)
            verdict = Verdict(Kind.UNFETCHED, reason=f"internal error: {type(error).__name__}")
            prepared = Prepared(ended=[(frame, verdict) for frame in dispatched.frames])
        for frame, verdict in prepared.ended:
            self._answered.append(Answered(frame, endpoints[frame.service_pk], verdict))
        analysis = runtime.settings.ai_analysis
        start_by = leased_at + GIVE_UP_AFTER * analysis.lease_sec
        for frame in prepared.ready:
            endpoint = endpoints[frame.service_pk]
            call = asyncio.create_task(self._call(frame, endpoint, analysis, start_by))
            self._calls[call] = frame
        self._preparing.pop(_this_task(), None)
        self._changed.set()

    async def _call(
        self, frame: LeasedFrame, endpoint: Endpoint, analysis: AiAnalysis, start_by: float
    ) -> None:
        if time.monotonic() > start_by:
            # This process stood still since it leased: the place is, or soon will be, another's.
            self._calls.pop(_this_task(), None)
            self._changed.set()
            return
        last_attempt = frame.attempts + 1 >= analysis.max_attempts
        try:
            verdict = await self._shop.caller.call(
                frame, endpoint.url, analysis.infer_timeout_sec, last_attempt=last_attempt
            )
        except Exception as error:
            # A defect of ours must not lose the frame: it goes back with its reason.
            log.exception("call failed: key=%s endpoint=%s", frame.key, endpoint.url)
            verdict = Verdict(Kind.BROKEN, reason=f"internal error: {type(error).__name__}")
        self._answered.append(Answered(frame, endpoint, verdict))
        self._calls.pop(_this_task(), None)
        self._changed.set()

    def _start_carrying(self, errands: list[Errand]) -> None:
        self._carrying.add(asyncio.create_task(self._carry(errands)))

    async def _carry(self, errands: list[Errand]) -> None:
        shop = self._shop
        try:
            carried = await shop.carry(lambda: carry_out(shop.runtime.store, errands, shop.movers))
            self._carried.add(carried)
        except Exception:
            log.exception("pictures not moved, the sweep does it: count=%d", len(errands))
        # Off the set before the signal: whoever wakes up must not wait for this task again.
        self._carrying.discard(_this_task())
        self._changed.set()

    def _count(self, settled: Settled, dispatched: Dispatched) -> None:
        for counts in (self._total, self._untold):
            counts.frames += len(dispatched.frames)
            counts.finished += settled.finished
            counts.alerts += settled.alerts
            counts.returned += settled.returned
            counts.late += settled.late
        self._tell()

    def _tell(self, at_once: bool = False) -> None:
        now = time.monotonic()
        if self._untold.frames and (at_once or now - self._scheduled_told_at >= _TELL_EVERY_SEC):
            self._scheduled_told_at, frames = now, self._untold.frames
            self._untold.frames = 0
            log.info("scheduling inference: task_type=%s frames=%d", self.task_type, frames)
        if not at_once and now - self._told_at < _TELL_EVERY_SEC:
            return
        told, self._told_at = self._untold, now
        self._untold = Counts(frames=told.frames)
        if told.finished or told.returned or told.late:
            log.info(
                "inference completed: task_type=%s finished=%d alerts=%d returned=%d late=%d",
                self.task_type,
                told.finished,
                told.alerts,
                told.returned,
                told.late,
            )


def _this_task() -> asyncio.Task[None]:
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - only ever called inside a task
    return task
