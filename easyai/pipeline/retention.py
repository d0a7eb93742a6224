"""Retention: gives up frames that waited or failed too long, and parked frames when disk is low.

A frame is given up only if its age was seen to pass the limit. If a frame is already older than the
limit plus the slack when it is first seen as too old, the box was off or the clock jumped: the
frame's age then starts afresh.
"""

from __future__ import annotations

import logging
import time
from functools import partial
from typing import Final

from sqlalchemy import Connection

from easyai.db import admission_rows, clock
from easyai.domain.frame import FrameState, Outcome
from easyai.domain.reason import Reason
from easyai.pipeline.admission_drops import AT_ONCE, Drops
from easyai.runtime import Runtime
from easyai.settings.schema import AiAnalysis

log = logging.getLogger(__name__)

_HOUR_SEC: Final = 3600.0
_DAY_SEC: Final = 86_400.0
_WAITING_EVERY_SEC: Final = 10.0
_FAILED_EVERY_SEC: Final = _HOUR_SEC
_DISK_EVERY_SEC: Final = 5.0
_BUDGET_SEC: Final = 2.0  # of a single check; the next check continues
_DISK_GROUP: Final = 50  # parked frames given up between checks of the disk
_NEVER: Final = float("-inf")


class Retention:
    """The retention checks of a process, each at its own interval."""

    def __init__(self, runtime: Runtime, drops: Drops) -> None:
        self._runtime = runtime
        self._drops = drops
        self._checked_at: dict[str, float] = {}

    def review(self, analysis: AiAnalysis) -> None:
        """Run the checks that are due.
        Raises DatabaseUnavailableError or StoreUnavailableError.
        """
        hours, days = analysis.outage_retention_hours, analysis.failed_retention_days
        if self._is_due("waiting", _WAITING_EVERY_SEC) and hours:
            limit_sec = hours * _HOUR_SEC
            reason = Reason.of("frame.waited_too_long", limit_hours=hours)
            for state in admission_rows.WAITING:
                self._give_up_old(state, limit_sec, _slack_sec(limit_sec), reason)
        if self._is_due("failed", _FAILED_EVERY_SEC) and days:
            reason = Reason.of("frame.failed_long_ago", limit_days=days)
            self._give_up_old(FrameState.FAILED, days * _DAY_SEC, _DAY_SEC, reason)
        if self._is_due("disk", _DISK_EVERY_SEC) and analysis.disk_min_free_percent:
            self._free_disk_space(analysis.disk_min_free_percent)

    def _is_due(self, check: str, every_sec: float) -> bool:
        now = time.monotonic()
        if now - self._checked_at.get(check, _NEVER) < every_sec:
            return False
        self._checked_at[check] = now
        return True

    def _give_up_old(
        self, state: FrameState, limit_sec: float, slack_sec: float, reason: Reason
    ) -> None:
        until = time.monotonic() + _BUDGET_SEC
        oldest = self._runtime.db.estimated_now() - limit_sec
        self._start_afresh(state, oldest - slack_sec, until)
        old = partial(
            admission_rows.aged, state=state, since=oldest - slack_sec, until=oldest, most=AT_ONCE
        )
        with self._runtime.db.read() as conn:
            if not old(conn):
                return
        drop = partial(self._drops.drop, old, state, Outcome.TOO_OLD, reason)
        while drop().frames and time.monotonic() < until:
            pass

    def _start_afresh(self, state: FrameState, unseen: float, until: float) -> None:
        aged = partial(admission_rows.aged, state=state, since=0.0, until=unseen, most=AT_ONCE)
        with self._runtime.db.read() as conn:
            left = bool(aged(conn))
        count = 0
        while left and time.monotonic() < until:
            with self._runtime.db.dispatching() as conn:
                some = admission_rows.start_afresh(conn, aged(conn), state, clock.now(conn))
            left, count = some == AT_ONCE, count + some
        if count:
            log.warning(
                "%s frames reached their retention unseen (the machine was off, or the clock "
                "jumped), they are kept as if new: count=%d",
                state,
                count,
            )

    def _free_disk_space(self, min_free_percent: float) -> None:
        """Give up parked frames while the disk is too full, the oldest first."""
        reason = Reason.of("frame.disk_low", limit_percent=min_free_percent)
        until = time.monotonic() + _BUDGET_SEC
        with self._runtime.db.read() as conn:
            if not admission_rows.types_in(conn, FrameState.PARKED):
                return
        while time.monotonic() < until:
            free = self._runtime.store.free_percent()
            if free is None or free >= min_free_percent:
                return
            given = self._drops.drop(_oldest_parked, FrameState.PARKED, Outcome.DISK_LOW, reason)
            if not (given.frames and given.deleted):
                return  # giving up more frees no space


def _slack_sec(limit_sec: float) -> float:
    # If the clock jumps by less than the slack, frames are dropped that much too early. So the
    # slack is only a part of the limit, but longer than the pause between two checks.
    return min(_HOUR_SEC, max(60.0, limit_sec / 4))


def _oldest_parked(conn: Connection) -> list[int]:
    """Ids of the oldest parked frames of all types."""
    parked = [
        frame
        for task_type in admission_rows.types_in(conn, FrameState.PARKED)
        for frame in admission_rows.oldest(conn, FrameState.PARKED, task_type, _DISK_GROUP)
    ]
    return [frame_id for _, frame_id in sorted(parked)[:_DISK_GROUP]]
