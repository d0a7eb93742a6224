"""Calls: the frames of this process from their lease to an answer that may be settled.

Each is prepared, sent to its service, and its answer confirmed: its picture is looked at once more
in the store. No transaction waits for a store, nor a call for the confirmation of another.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Final

from easyai.db.ledger import LeasedFrame
from easyai.domain.verdict import Kind, Verdict
from easyai.pipeline.answers import Answered
from easyai.pipeline.confirm import confirm
from easyai.pipeline.dispatch import Dispatched, Endpoint
from easyai.pipeline.prepare import Prepared, prepare
from easyai.pipeline.workshop import Workshop
from easyai.settings import AiAnalysis

log = logging.getLogger(__name__)

GIVE_UP_AFTER: Final = 0.8  # of a lease's length, without a renewal
_GATHER_SEC: Final = 0.002  # answers that come this close together are settled in one transaction
_LARGEST_GROUP: Final = 500  # answers confirmed at once
_MOST_CONFIRMING: Final = 2  # groups: a store that hangs for one holds up no more


class Calls:
    """Sends leased frames to their endpoints, and hands over what they answer; on one loop."""

    def __init__(self, shop: Workshop, answered: Callable[[list[Answered]], None]) -> None:
        """`answered` gets the answers as they are confirmed; none for a call that never began."""
        self._shop = shop
        self._answered = answered
        self._preparing: dict[asyncio.Task[None], list[LeasedFrame]] = {}
        self._calling: dict[asyncio.Task[None], LeasedFrame] = {}
        self._unconfirmed: list[Answered] = []
        self._confirming: dict[asyncio.Task[None], list[Answered]] = {}

    def __len__(self) -> int:
        """Frames under way."""
        confirming = len(self._unconfirmed) + len(self._confirming)
        return len(self._calling) + sum(map(len, self._preparing.values())) + confirming

    def tokens(self) -> set[str]:
        """The leases of the frames under way."""
        held = {frame.lease_token for frame in self._calling.values()}
        held |= {one.lease_token for batch in self._preparing.values() for one in batch}
        held |= {one.frame.lease_token for one in self._unconfirmed}
        return held | {
            one.frame.lease_token for batch in self._confirming.values() for one in batch
        }

    def start(self, dispatched: Dispatched, leased_at: float) -> None:
        """Begin to prepare and call what was leased (at a moment of the monotonic clock)."""
        if dispatched.frames:
            task = asyncio.create_task(self._prepare(dispatched, leased_at))
            self._preparing[task] = dispatched.frames

    async def cancel(self) -> int:
        """Give up what has no answer yet, how many; their leases are the caller's to give back."""
        count = len(self._calling) + sum(map(len, self._preparing.values()))
        await _cancel(self._preparing)  # first: they start calls
        await _cancel(self._calling)
        self._answered([])
        return count

    async def close(self) -> None:
        """Give up everything."""
        await self.cancel()
        await _cancel(self._confirming)

    async def _prepare(self, dispatched: Dispatched, leased_at: float) -> None:
        """Make the pictures of a batch ready, then start its calls."""
        runtime, endpoints = self._shop.runtime, dispatched.endpoints
        try:
            prepared = await self._shop.prepare(
                partial(prepare, runtime, dispatched.frames, self._shop.movers)
            )
        except Exception as error:
            # A defect of ours must not lose the frames: they go back with its reason.
            log.exception("frames not prepared: count=%d", len(dispatched.frames))
            verdict = Verdict(Kind.UNFETCHED, reason=f"internal error: {type(error).__name__}")
            prepared = Prepared(ended=[(frame, verdict) for frame in dispatched.frames])
        analysis = runtime.settings.ai_analysis
        start_by = leased_at + GIVE_UP_AFTER * analysis.lease_sec
        for frame in prepared.ready:
            endpoint = endpoints[frame.service_pk]
            call = asyncio.create_task(self._call(frame, endpoint, analysis, start_by))
            self._calling[call] = frame
        self._preparing.pop(_this_task(), None)
        ended = prepared.ended
        self._answered([])
        self._confirm([Answered(one, endpoints[one.service_pk], why) for one, why in ended])

    async def _call(
        self, frame: LeasedFrame, endpoint: Endpoint, analysis: AiAnalysis, start_by: float
    ) -> None:
        if time.monotonic() > start_by:
            # This process stood still since it leased: the place is, or soon will be, another's.
            self._calling.pop(_this_task(), None)
            self._answered([])
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
        self._confirm([Answered(frame, endpoint, verdict)])
        self._calling.pop(_this_task(), None)

    def _confirm(self, answers: list[Answered]) -> None:
        self._unconfirmed += answers
        if self._unconfirmed and len(self._confirming) < _MOST_CONFIRMING:
            self._confirming[asyncio.create_task(self._confirm_some())] = []

    async def _confirm_some(self) -> None:
        """Confirm what is there, and what comes meanwhile."""
        shop = self._shop
        await asyncio.sleep(_GATHER_SEC)
        while self._unconfirmed:
            group = self._unconfirmed[:_LARGEST_GROUP]
            del self._unconfirmed[: len(group)]
            self._confirming[_this_task()] = group
            try:
                answers = await shop.prepare(partial(confirm, shop.runtime, group, shop.movers))
            except Exception as error:
                # A defect of ours must not lose an answer's frame: it goes back with its reason.
                log.exception("answers not confirmed: count=%d", len(group))
                why = Verdict(Kind.UNFETCHED, reason=f"internal error: {type(error).__name__}")
                answers = [replace(one, verdict=why) for one in group]
            self._answered(answers)
            self._confirming[_this_task()] = []
        self._confirming.pop(_this_task(), None)
        self._answered([])


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
