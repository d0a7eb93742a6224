"""The dispatcher of a process: takes frames of all task types from lease to settled.

Follow a frame here: `run_transaction` records carried pictures, settles answers and leases the next
frames, in a single transaction or in two (`TurnKinds`); `Calls` sends a frame; `_carry` moves
pictures after the commit. Answers that arrive during a transaction are settled in the next.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from easyai.db import clock
from easyai.domain.wake_turns import WakeTurns
from easyai.errors import DatabaseUnavailableError
from easyai.pipeline.answers import Answered
from easyai.pipeline.calls import Calls
from easyai.pipeline.dispatched import Dispatched, Serves
from easyai.pipeline.frame_log import Tally
from easyai.pipeline.inbox import Batch, Inbox, broken
from easyai.pipeline.incoming import Incoming
from easyai.pipeline.picture_moves import CarriedOut, PictureMove, carry_out
from easyai.pipeline.pipeline_tracing import note_transaction
from easyai.pipeline.recent_transactions import RecentTransactions
from easyai.pipeline.settle import Settled
from easyai.pipeline.transaction import run_transaction
from easyai.pipeline.turn_kinds import TurnKinds
from easyai.pipeline.worker_context import WorkerContext

log = logging.getLogger(__name__)

_LOOK_AGAIN_SEC: Final = 0.2  # for places that other workers have freed
# A worker rests this many times as long as its transaction took. Where transactions are slow,
# workers that only look for free places must not hold up workers that settle.
_REST: Final = 4.0
_LONGEST_REST_SEC: Final = 2.0  # so that workers look again soon after the database hung
_SOONEST_SEC: Final = 0.01  # between transactions without a wake or an answer
_OUTAGE_PAUSE_SEC: Final = 0.5
_RING_EVERY_SEC: Final = 1.0


class Dispatcher:
    """Leases while there are frames and free places, and settles answers; on a single loop.

    No process waits for the dispatcher: a wake only means that there may be new work. It looks by
    itself when a frame is due, a breaker's pause is over or a rate limit lets the next frame
    through. While frames wait for free places, it also looks after its own answers and at
    intervals, because other workers may have freed places.
    """

    def __init__(self, context: WorkerContext, serves: Serves | None = None) -> None:
        self.calls = Calls(context, self._take_answers)
        self.tally = Tally()
        self._recent = RecentTransactions()
        self._context = context
        self._serves = serves
        self._leases = True
        self._inbox = Inbox()
        self._look = True  # there may be frames to lease
        self._crowded: list[str] = []  # types with frames that only wait for free places
        self._unserved: list[str] = []  # types with frames that wait for a service
        self._look_at: float | None = None  # monotonic
        self._settling: list[Answered] = []  # answers in the running transaction
        self._carrying: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._in_transaction = False
        self._turns = TurnKinds()
        self._wake_turns = WakeTurns()
        self._rang_at = 0.0  # monotonic
        self._look_again_sec = _LOOK_AGAIN_SEC
        self.looked_at = 0.0  #: monotonic: when the last look that succeeded began
        self.is_behind = False  #: whether it has left frames that other workers may take

    def wake(self, task_type: str) -> None:
        """Look soon: there may be new frames of a type, or places for its frames."""
        self._inbox.rung.add(task_type)
        self.look()

    def look(self) -> None:
        """Look soon: there may be new frames."""
        self._look = True
        self._changed.set()

    def take_in(self, incoming: Incoming) -> None:
        """Record and lease new pictures in the next transaction; or refuse them, at the stop."""
        self._inbox.take_in(incoming)
        self.look()

    def stop_leasing(self) -> None:
        """Take no more frames."""
        self._leases = False
        self._changed.set()

    @property
    def busy(self) -> bool:
        """Whether frames or pictures are under way, or (while leasing) it is to look for frames."""
        looking = self._leases and (self._look or bool(self._crowded))
        at_work = self._in_transaction or len(self.calls) > 0 or bool(self._carrying)
        return looking or at_work or bool(self._inbox)

    def tokens(self) -> set[str]:
        """The leases to be kept alive."""
        return self.calls.tokens() | {
            answer.frame.lease_token for answer in (*self._inbox.answered, *self._settling)
        }

    def overview(self) -> dict[str, Any]:
        """Its present work, as JSON values; may be called from any thread."""
        analysis = self._context.runtime.settings.ai_analysis
        by_type = self.calls.by_type()
        return {
            "calls": sum(by_type.values()),
            "calls_by_type": by_type,
            "limits": {
                "max_concurrent_infer": analysis.max_concurrent_infer,
                "batch_size": analysis.batch_size,
                "infer_timeout_sec": analysis.infer_timeout_sec,
                "lease_sec": analysis.lease_sec,
            },
            "leases_given_out": self._context.leases,
            "answers_to_settle": len(self._inbox.answered) + len(self._settling),
            "waits_for_room": list(self._crowded),
            "waits_for_a_service": list(self._unserved),
            **self._recent.overview(),
        }

    async def run(self) -> None:
        """Work until leasing has stopped and all leased frames are settled and carried."""
        while self._leases or self.busy:
            self._changed.clear()
            if self._needs_transaction():
                await self._transact()
            self.tally.log()
            if self._leases and self._is_time_to_look():
                continue
            if self._leases or self.busy:
                await self._gather()

    def _needs_transaction(self) -> bool:
        if self._inbox.urgent or (self._leases and self._is_time_to_look()):
            return True
        return self._waits_to_be_written() and not self._hold_sec()

    def _waits_to_be_written(self) -> bool:
        at_work = len(self.calls) > 0 or bool(self._carrying)
        return bool(self._inbox.answered) or (bool(self._inbox.carried) and not at_work)

    def _hold_sec(self) -> float:
        """How long answers may wait for the next frame: not at all while frames wait for places."""
        return self._inbox.hold_sec() if self._leases and not self._crowded else 0.0

    def _is_time_to_look(self) -> bool:
        return self._look or (self._look_at is not None and time.monotonic() >= self._look_at)

    async def _gather(self) -> None:
        """Wait for answers, for a wake, or until it is time to look."""
        try:
            async with asyncio.timeout(self._pause_sec()):
                await self._changed.wait()
        except TimeoutError:
            # Other workers send no wake when they free places.
            self._look = self._look or bool(self._crowded)

    def _pause_sec(self) -> float | None:
        log_in_sec = self.tally.log_in_sec()
        pauses = [] if log_in_sec is None else [max(_SOONEST_SEC, log_in_sec)]
        if self._leases and self._crowded:
            pauses.append(self._look_again_sec)
        if self._leases and self._look_at is not None:
            pauses.append(max(_SOONEST_SEC, self._look_at - time.monotonic()))
        if self._waits_to_be_written():
            pauses.append(self._hold_sec())
        return min(pauses, default=None)

    async def _transact(self) -> None:
        """Run a transaction, then start the calls and moves that follow from it."""
        could_lease = self._leases and (bool(self._crowded) or self._is_time_to_look())
        leasing = could_lease and self._turns.leases(answers=bool(self._inbox.answered))
        batch = self._turns.take(self._inbox, leasing=leasing)
        token = self._context.next_token() if leasing else None
        self._look = (self._look or could_lease) and not leasing  # a wake from now on: newer work
        self._settling, self._in_transaction = batch.answered, True
        began = time.monotonic()
        work = partial(
            run_transaction,
            *(self._context.runtime, batch.answered, batch.carried, token),
            serves=self._serves,
            rung=batch.rung,
            idle=not self._inbox.answered and len(self.calls) == 0,
            incoming=batch.incoming,
        )
        try:
            settled, dispatched = await self._context.write(work)
        except DatabaseUnavailableError as error:
            log.warning("ledger not written, trying again: %s", error)
            if leasing:
                self._turns.was_kept_waiting()
            self._take_back(batch, leasing=leasing)
            batch.refuse(error)
            await asyncio.sleep(_OUTAGE_PAUSE_SEC)
            return
        except Exception as error:
            log.exception("answers not settled: count=%d leasing=%s", len(batch.answered), leasing)
            self._take_apart(batch, leasing=leasing)
            batch.refuse(error)
            await asyncio.sleep(_OUTAGE_PAUSE_SEC)
            return
        finally:
            self._in_transaction = False
        batch.committed()
        self._settling = []
        self._recent.count(began, len(dispatched.frames), settled.finished + settled.returned)
        if self._inbox.answered:
            self._changed.set()
        self._turns.committed(could_lease=could_lease, leased=leasing, waited=dispatched.waited)
        if leasing:
            self.looked_at = began
            self._note_look(dispatched, time.monotonic() - began)
        self._follow(settled, dispatched, batch.carried, time.monotonic() - began, leasing=leasing)

    def _note_look(self, found: Dispatched, took_sec: float) -> None:
        self._look_again_sec = max(_LOOK_AGAIN_SEC, min(_LONGEST_REST_SEC, _REST * took_sec))
        self._crowded, self._unserved = found.crowded, found.unserved
        runtime = self._context.runtime
        batch_size = runtime.settings.ai_analysis.batch_size
        self.is_behind = bool(found.crowded) and len(found.frames) >= batch_size
        if self.is_behind:
            self._look = True  # there may be places for another batch at once
            self._ring_others(found.crowded)
        self._look_at = None
        if found.look_at is not None:
            wait_sec = found.look_at - clock.estimate(runtime.db.engine)
            self._look_at = time.monotonic() + max(_SOONEST_SEC, wait_sec)
        self.tally.no_service(found.unserved)

    def _follow(
        self,
        settled: Settled,
        dispatched: Dispatched,
        carried: CarriedOut,
        took_sec: float,
        *,
        leasing: bool,
    ) -> None:
        """After the commit: start calls, move pictures, count, and decide whether to look again."""
        self.calls.start(dispatched)
        if moves := settled.moves + carried.renamed:
            self._carrying.add(asyncio.create_task(self._carry(moves)))
        self.tally.leased(dispatched.frames)
        self.tally.settled(settled)
        if self._context.tracing is not None:
            note_transaction(self._context.tracing, settled, len(dispatched.frames), took_sec)
        if not leasing and (settled.returned or settled.evidence.changed):
            self._look = True  # frames may be due soon, or a service may take frames again

    def _ring_others(self, task_types: Sequence[str]) -> None:
        """Wake idle workers on other machines, because frames are left."""
        if (now := time.monotonic()) - self._rang_at >= _RING_EVERY_SEC:
            self._rang_at = now
            self._context.runtime.doorbell.ring_all(self._wake_turns.take(task_types))

    def _take_answers(self, answers: list[Answered]) -> None:
        self._inbox.answered += answers
        self._changed.set()

    def _take_back(self, batch: Batch, *, leasing: bool) -> None:
        self._settling = []
        self._inbox.put_back(batch)
        self._look = self._look or leasing
        self._changed.set()

    def _take_apart(self, batch: Batch, *, leasing: bool) -> None:
        """After an internal error: isolate its cause, so that the other work is still written."""
        if leasing:
            self._turns.settle_first()  # the leasing may be the cause
            self._take_back(batch, leasing=True)
        elif batch.carried:
            # The carried pictures may be the cause: leave them in the ledger for the sweep.
            self._take_back(Batch(batch.answered, CarriedOut()), leasing=False)
        else:
            alone = len(batch.answered) == 1  # then this answer is the cause
            self._turns.settle_one_by_one()
            again = broken(batch.answered[0]) if alone else batch.answered
            self._take_back(Batch(again, batch.carried), leasing=False)

    async def _carry(self, moves: list[PictureMove]) -> None:
        try:
            carry = partial(carry_out, self._context.runtime.store, moves, self._context.requests)
            carried = await self._context.carry(carry)
            self._inbox.carried.add(carried)
            self.tally.carried(carried)
        except Exception:
            log.exception("pictures not moved, the sweep does it: count=%d", len(moves))
        # Leave the set before the signal, so that `run` does not wait for this task again.
        self._carrying -= {asyncio.current_task()}
        self._changed.set()
