"""Calls: the frames of this process, from their lease to an answer that may be settled.

Each frame is prepared and sent to its service. Then its answer is confirmed: the picture is checked
once more in the store. No transaction waits for a store. No call waits for another call's
confirmation.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from easyai.db.ledger import LeasedFrame
from easyai.domain.reason import Reason
from easyai.domain.verdict import CallResult, Verdict
from easyai.pipeline.answers import Answered
from easyai.pipeline.confirm import confirm
from easyai.pipeline.dispatched import Dispatched, Endpoint
from easyai.pipeline.prepare import Prepared, prepare
from easyai.pipeline.worker_context import WorkerContext
from easyai.tracing.journey import Call

log = logging.getLogger(__name__)

GIVE_UP_AFTER: Final = 0.8  # share of a lease's length that passes without a renewal
_GATHER_SEC: Final = 0.002  # answers within this time are settled in the same transaction
_LARGEST_GROUP: Final = 500  # answers confirmed at once
_MOST_CONFIRMING: Final = 2  # groups: if the store hangs, it holds up only these
_TOO_LATE: Final = Reason("frame.not_called")


@dataclass(slots=True)
class _Batch:
    """Frames of a lease, until their calls have begun."""

    frames: list[LeasedFrame]
    leased_at: float  # monotonic
    start_by: float  # monotonic; no call begins later: another worker may have its place then
    logged: bool = False  # whether the warning was logged

    def log_too_late(self) -> None:
        if not self.logged:
            log.warning("leases not renewed in time, not called: frames=%d", len(self.frames))
        self.logged = True


class Calls:
    """Sends leased frames to their endpoints and passes on the answers; on a single loop."""

    def __init__(self, context: WorkerContext, answered: Callable[[list[Answered]], None]) -> None:
        """`answered` gets each confirmed answer; a cancelled call has no answer."""
        self._context = context
        self._answered = answered
        self._preparing: dict[asyncio.Task[None], _Batch] = {}
        self._calling: dict[asyncio.Task[None], LeasedFrame] = {}
        self._unconfirmed: list[Answered] = []
        self._confirming: dict[asyncio.Task[None], list[Answered]] = {}

    def __len__(self) -> int:
        """The number of frames under way."""
        confirming = len(self._unconfirmed) + len(self._confirming)
        return len(self._calling) + self._count_preparing() + confirming

    def tokens(self) -> set[str]:
        """The leases of the frames under way."""
        held = {frame.lease_token for frame in self._calling.values()}
        held |= {entry.lease_token for batch in self._preparing.values() for entry in batch.frames}
        held |= {entry.frame.lease_token for entry in self._unconfirmed}
        return held | {
            entry.frame.lease_token for batch in self._confirming.values() for entry in batch
        }

    def by_type(self) -> dict[str, int]:
        """Calls under way by task type; may be called from any thread."""
        # list() of a dict's values runs no Python code: the loop cannot change it meanwhile.
        return Counter(frame.task_type for frame in list(self._calling.values()))

    def start(self, dispatched: Dispatched) -> None:
        """Begin to prepare and send the leased frames."""
        if dispatched.frames:
            lease_sec = self._context.runtime.settings.ai_analysis.lease_sec
            start_by = dispatched.leased_at + GIVE_UP_AFTER * lease_sec
            batch = _Batch(dispatched.frames, dispatched.leased_at, start_by)
            task = asyncio.create_task(self._prepare(batch, dispatched.endpoints))
            self._preparing[task] = batch

    def renewed(self, counts: Mapping[str, int], start_by: float) -> None:
        """Let calls of renewed leases begin until `start_by` (monotonic).

        `counts` are the renewed frames by token; a batch counts only if all its frames are renewed.
        """
        for batch in self._preparing.values():
            if counts.get(batch.frames[0].lease_token) == len(batch.frames):
                batch.start_by = start_by

    async def cancel(self) -> int:
        """Cancel frames without an answer; returns how many. The caller gives back their leases."""
        count = len(self._calling) + self._count_preparing()
        await _cancel(self._preparing)  # first: they start calls
        await _cancel(self._calling)
        self._answered([])
        return count

    async def close(self) -> None:
        """Cancel all calls and confirmations."""
        await self.cancel()
        await _cancel(self._confirming)

    def _count_preparing(self) -> int:
        return sum(len(batch.frames) for batch in self._preparing.values())

    async def _prepare(self, batch: _Batch, endpoints: Mapping[int, Endpoint]) -> None:
        """Prepare the pictures of a batch, then start its calls."""
        runtime = self._context.runtime
        try:
            prepared = await self._context.prepare(
                partial(prepare, runtime, batch.frames, self._context.requests)
            )
        except Exception as error:
            # An error of our own must not lose the frames: they return to pending with its reason.
            log.exception("frames not prepared: count=%d", len(batch.frames))
            why = _internal_error(error)
            verdict = Verdict(CallResult.UNFETCHED, reason=why, called=False)
            prepared = Prepared(ended=[(frame, verdict) for frame in batch.frames])
        batch.frames = prepared.ready
        for frame in prepared.ready:
            endpoint = endpoints[frame.service_pk]
            call = asyncio.create_task(self._call(frame, endpoint, batch))
            self._calling[call] = frame
        self._preparing.pop(_this_task(), None)
        ended = prepared.ended
        self._answered([])
        self._confirm(
            [
                Answered(ended_frame, endpoints[ended_frame.service_pk], why)
                for ended_frame, why in ended
            ]
        )

    async def _call(self, frame: LeasedFrame, endpoint: Endpoint, batch: _Batch) -> None:
        try:
            self._confirm([await self._answer(frame, endpoint, batch)])
        finally:
            # In all cases: a frame that stays here has its lease renewed for ever.
            self._calling.pop(_this_task(), None)

    async def _answer(self, frame: LeasedFrame, endpoint: Endpoint, batch: _Batch) -> Answered:
        tracing, now = self._context.tracing, time.monotonic()
        call = None
        if tracing is not None:
            call = tracing.call(frame.id, endpoint.url, now - batch.leased_at)
        if now > batch.start_by:
            # This process stood still or could not renew: another worker may have the frame now.
            batch.log_too_late()
            verdict = Verdict(CallResult.UNFETCHED, reason=_TOO_LATE, called=False)
        else:
            verdict = await self._ask(frame, endpoint, call)
        if tracing is not None and call is not None:
            call = tracing.end(call, str(verdict.kind))
        return Answered(frame, endpoint, verdict, call=call)

    async def _ask(self, frame: LeasedFrame, endpoint: Endpoint, call: Call | None) -> Verdict:
        analysis = self._context.runtime.settings.ai_analysis
        last_attempt = frame.attempts + 1 >= analysis.max_attempts
        try:
            return await self._context.caller.call(
                frame,
                endpoint.url,
                analysis.infer_timeout_sec,
                last_attempt=last_attempt,
                traced=call,
            )
        except Exception as error:
            # An error of our own must not lose the frame: it returns to pending with its reason.
            log.exception("call failed: key=%s endpoint=%s", frame.key, endpoint.url)
            return Verdict(CallResult.BROKEN, reason=_internal_error(error))

    def _confirm(self, answers: list[Answered]) -> None:
        self._unconfirmed += answers
        if self._unconfirmed and len(self._confirming) < _MOST_CONFIRMING:
            self._confirming[asyncio.create_task(self._confirm_some())] = []

    async def _confirm_some(self) -> None:
        """Confirm the waiting answers, and answers that arrive meanwhile."""
        context = self._context
        await asyncio.sleep(_GATHER_SEC)
        while self._unconfirmed:
            group = self._unconfirmed[:_LARGEST_GROUP]
            del self._unconfirmed[: len(group)]
            self._confirming[_this_task()] = group
            try:
                answers = await context.prepare(
                    partial(confirm, context.runtime, group, context.requests)
                )
            except Exception as error:
                # An error of our own must not lose frames: they return to pending with its reason.
                log.exception("answers not confirmed: count=%d", len(group))
                why = _internal_error(error)
                answers = [_unfetched(answer, why) for answer in group]
            self._answered(answers)
            self._confirming[_this_task()] = []
        self._confirming.pop(_this_task(), None)
        self._answered([])


def _internal_error(error: Exception) -> Reason:
    return Reason.of("call.internal_error", error=type(error).__name__)


def _unfetched(answer: Answered, why: Reason) -> Answered:
    return replace(answer, verdict=replace(answer.verdict, kind=CallResult.UNFETCHED, reason=why))


async def _cancel(tasks: dict[asyncio.Task[None], Any]) -> None:
    ended = list(tasks)
    for task in ended:
        task.cancel()
    await asyncio.gather(*ended, return_exceptions=True)
    for task in ended:
        tasks.pop(task, None)


def _this_task() -> asyncio.Task[None]:
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - only ever called inside a task
    return task
