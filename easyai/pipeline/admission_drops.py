"""Gives frames up: counts and records them in one transaction, then deletes their pictures."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from sqlalchemy import Connection

from easyai.db import admission_rows, camera_hours, clock, events, statistics, totals
from easyai.db.events import Event
from easyai.db.pictures import Uncarried
from easyai.db.statistics import Tally
from easyai.domain.frame import FrameState, Outcome
from easyai.domain.outcome_totals import Totals
from easyai.domain.reason import Reason
from easyai.messages.catalogue import text
from easyai.pipeline.picture_moves import CarriedOut, carry_out, log_failed, move_for, record
from easyai.runtime import Runtime
from easyai.system.log_throttle import LogThrottle
from easyai.system.side_by_side import SideBySide

log = logging.getLogger(__name__)

# Frames per transaction: few enough that dispatch, heartbeats and settling run in between.
AT_ONCE: Final = 2000
_CARRY_SEC: Final = 1.0  # then the sweep deletes the remaining pictures
_GROUP: Final = 64  # pictures between checks of the clock and the store's health
_REQUESTS: Final = 16  # at once
_EPISODE_SEC: Final = 60  # a drop after this long without drops begins a new episode

Choose = Callable[[Connection], Sequence[int]]


class Dropped(NamedTuple):
    """The result of a drop."""

    frames: int
    deleted: bool  # false when the store kept some of their pictures


class Drops:
    """The drops of a process."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._throttle = LogThrottle()  # by type and outcome

    def drop(self, choose: Choose, state: FrameState, outcome: Outcome, reason: Reason) -> Dropped:
        """Give up the frames whose ids `choose` returns inside the transaction.

        Raises DatabaseUnavailableError, and then changes nothing.
        """
        with self._runtime.db.dispatching() as conn:
            now = clock.now(conn)
            dropped = admission_rows.drop(conn, choose(conn), state, outcome, reason, now)
            by_type = Counter(frame.task_type for frame in dropped)
            if by_type:
                _note(conn, by_type, outcome, reason, now)
                _count_for_cameras(conn, dropped, outcome, now)
        for task_type, count in by_type.items():
            self._log_drop(task_type, outcome, reason, count)
        pictures = [frame.picture for frame in dropped if frame.picture is not None]
        return Dropped(len(dropped), delete(self._runtime, pictures))

    def _log_drop(self, task_type: str, outcome: Outcome, reason: Reason, count: int) -> None:
        frames = self._throttle.due((task_type, outcome), count)
        if frames:
            log.warning(
                "frames dropped: task_type=%s frames=%d reason=%s: %s",
                task_type,
                frames,
                outcome,
                text(reason),
            )


def delete(runtime: Runtime, pictures: Sequence[Uncarried]) -> bool:
    """Delete pictures of frames that were given up; false if some are still there.

    Takes about a second at most. The sweep deletes the rest and retries pictures that the store
    could not delete.
    """
    if not pictures:
        return True
    done, until = CarriedOut(), time.monotonic() + _CARRY_SEC
    requests = SideBySide(_REQUESTS)
    for start in range(0, len(pictures), _GROUP):
        group = [move_for(picture) for picture in pictures[start : start + _GROUP]]
        done.add(carry_out(runtime.store, group, requests))
        if done.failed or time.monotonic() >= until:
            break
    log_failed(done.failed, done.reason)
    with runtime.db.write() as conn:
        record(conn, done, clock.now(conn))
    return len(done.done) == len(pictures)


def _count_for_cameras(
    conn: Connection, dropped: Sequence[admission_rows.Dropped], outcome: Outcome, now: float
) -> None:
    """Count each frame once: a failed frame no longer counts as failed."""
    hour = camera_hours.hour_of(now)
    counts = Counter((hour, frame.task_id, frame.task_type, str(outcome)) for frame in dropped)
    failures = (
        (frame.task_id, frame.task_type, frame.failed_at)
        for frame in dropped
        if frame.failed_at is not None
    )
    camera_hours.add_by_hour(conn, {**counts, **camera_hours.taken_back(failures, now)})


def _dropped(outcome: Outcome, count: int, reason: Reason) -> Reason:
    return Reason.of("frames.dropped", outcome=str(outcome), n=count, reason=reason)


def _note(
    conn: Connection, by_type: Mapping[str, int], outcome: Outcome, reason: Reason, now: float
) -> None:
    """Count drops, and record an event for the first drop of an episode."""
    before, _ = statistics.recent(conn, now, _EPISODE_SEC)
    events.add(
        conn,
        [
            Event(now, "frames_dropped", task_type, _dropped(outcome, count, reason))
            for task_type, count in sorted(by_type.items())
            if task_type not in before or not getattr(before[task_type], outcome)
        ],
    )
    tallies = {name: Tally(**{str(outcome): count}) for name, count in by_type.items()}
    statistics.add(conn, tallies, now)
    counted = Totals()
    for name, count in by_type.items():
        counted.settled(name, outcome, count=count)
    totals.add_frames(conn, counted, now)
