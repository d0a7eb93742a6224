"""Whether services have been watched: silence while the API was down is no evidence.

Time is missing when this server was down, its machine slept, or the database's clock jumped. The
monotonic clock of a process that ran all the time shows which of the three happened.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from easyai.db import clock, leases
from easyai.domain.reason import NO_REASON, Reason
from easyai.errors import DatabaseUnavailableError
from easyai.runtime import Runtime

_CHECKED = "services_watched"  # done_at: the last check of the services
#: The lease whose `done_at` is the start of the watch without a gap.
WATCHED_SINCE: Final = "services_watched_since"
LONGEST_GAP_SEC: Final = 20.0  # between two checks (due every 5 s); longer: no process watched
_SLACK_SEC: Final = 5.0  # a smaller step of the clock is ignored
# Evidence may lie this far ahead of a clock that was set back unnoticed between two checks.
_AHEAD_SEC: Final = LONGEST_GAP_SEC + _SLACK_SEC


@dataclass(frozen=True, slots=True)
class Watch:
    """How long services have been watched without a gap; times in Unix seconds."""

    since: float  # silence before is no evidence; 0: always
    gap_sec: float  # unwatched just before this check; negative: the clock was set back; 0: none
    jump_sec: float  # by which the clock jumped since the last check of this process
    apart: bool = False  # whether the database has a machine, and a clock, of its own

    def silent_sec(self, evidence_at: float, now: float) -> float:
        """For how long there was no evidence; ignores evidence from far in the future."""
        seen_at = evidence_at if evidence_at <= now + _AHEAD_SEC else 0.0
        return max(0.0, now - max(seen_at, self.since))

    def why(self) -> Reason:
        """The cause of the gap; NO_REASON without a gap."""
        if self.jump_sec:
            return _jumped(self.jump_sec, apart=self.apart)
        if self.gap_sec < 0:
            return _set_back(-self.gap_sec, apart=self.apart)
        if self.gap_sec:
            return Reason.of("watch.gap", gap_sec=self.gap_sec)
        return NO_REASON


class SteadyClock:
    """Compares the database's clock with this process's monotonic clock; a part of the runtime.

    A process notices every jump after it made this part. So a worker makes it at its start, because
    its first sweep may come long after.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._lock = threading.Lock()
        self._offset: float | None = None  # unknown while the database does not answer
        with suppress(DatabaseUnavailableError), runtime.db.read() as conn:
            self._offset = clock.now(conn) - time.monotonic()

    def jumped_sec(self, now: float) -> float:
        """Seconds by which the clock jumped since the last call; 0 for small steps."""
        offset = now - time.monotonic()
        with self._lock:
            before, self._offset = self._offset, offset
        jump_sec = 0.0 if before is None else offset - before
        return jump_sec if abs(jump_sec) > _SLACK_SEC else 0.0


def record_check(conn: Connection, runtime: Runtime, now: float) -> Watch:
    """Record a check of the services now; return the watch with the gap since the last check."""
    # Read the clock anew: time that passed since `now`, or a machine that slept for a moment, is no
    # jump.
    jump_sec = runtime.part(SteadyClock).jumped_sec(clock.now(conn))
    noted = leases.all_leases(conn)
    checked_at = noted[_CHECKED].done_at if _CHECKED in noted else 0.0
    since = noted[WATCHED_SINCE].done_at if WATCHED_SINCE in noted else 0.0
    gap_sec = now - checked_at if checked_at else 0.0
    leases.note(conn, _CHECKED, now)
    if not jump_sec and -_SLACK_SEC <= gap_sec <= LONGEST_GAP_SEC:
        return Watch(since if since <= now + _SLACK_SEC else 0.0, 0.0, 0.0)
    leases.note(conn, WATCHED_SINCE, now)
    return Watch(now, gap_sec, jump_sec, apart=not runtime.db.is_sqlite)


def _jumped(jump_sec: float, *, apart: bool) -> Reason:
    if apart:
        return Reason.of("watch.database_clock_jumped", jump_sec=jump_sec)
    return Reason.of("watch.server_clock_jumped", jump_sec=jump_sec)


def _set_back(back_sec: float, *, apart: bool) -> Reason:
    if apart:
        return Reason.of("watch.database_clock_set_back", back_sec=back_sec)
    return Reason.of("watch.server_clock_set_back", back_sec=back_sec)
