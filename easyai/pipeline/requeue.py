"""Requeue: failed frames return to pending; their pictures stay in place."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection

from easyai.db import audit, camera_hours, clock, frames
from easyai.db.frames import FrameFilter
from easyai.domain.actor import Actor
from easyai.domain.frame import FrameState
from easyai.domain.reason import Reason
from easyai.errors import BadRequestError
from easyai.runtime import Runtime

log = logging.getLogger(__name__)

# Frames per transaction: few enough that scans, heartbeats and settling run in between.
_CHUNK: Final = 500


@dataclass(slots=True)
class RequeueReport:
    """Counts of the failed frames that matched the filter."""

    by_task_type: dict[str, int] = field(default_factory=dict)  # requeued
    moving: int = 0  # left alone: their picture is being moved, for seconds at most
    gone: int = 0  # left alone: their picture is gone
    more: list[str] = field(default_factory=list)  # types of which a preview counted a part

    @property
    def requeued(self) -> int:
        """How many frames returned to pending, or would after a preview."""
        return sum(self.by_task_type.values())

    @property
    def matched(self) -> int:
        """How many failed frames matched the filter."""
        return self.requeued + self.moving + self.gone


def preview(runtime: Runtime, wanted: FrameFilter, most: int | None = None) -> RequeueReport:
    """Count the frames that `requeue` would take; reads at most about `most` frames.

    Raises BadRequestError as `requeue` does.
    """
    _check(wanted)
    with runtime.db.snapshot() as conn:
        return _counted(conn, wanted, most)


def requeue(runtime: Runtime, wanted: FrameFilter, by: Actor | None = None) -> RequeueReport:
    """Give failed frames a fresh start and wake the workers of their types.

    `by` is recorded. Raises BadRequestError when the filter names a state that no frame can be
    requeued from.
    """
    _check(wanted)
    with runtime.db.snapshot() as conn:
        report, ready = _counted(conn, wanted), frames.ready(conn, wanted)
    report.by_task_type = _bring_back(runtime, ready)
    if report.requeued:
        with runtime.db.write() as conn:
            requeued = Reason.of("action.frames_requeued", n=report.requeued)
            audit.note(conn, by, "requeue", requeued)
        log.info("frames requeued: count=%d by_task_type=%s", report.requeued, report.by_task_type)
        runtime.doorbell.ring_all(report.by_task_type)
    return report


def _check(wanted: FrameFilter) -> None:
    if wanted.state is not FrameState.FAILED:
        raise BadRequestError(_refusal(wanted.state))


def _counted(conn: Connection, wanted: FrameFilter, most: int | None = None) -> RequeueReport:
    report = RequeueReport()
    for task_type, found in frames.count_failed(conn, wanted, most).items():
        report.moving += found.moving
        report.gone += found.gone
        if found.ready:
            report.by_task_type[task_type] = found.ready
        if not found.whole:
            report.more.append(task_type)
    return report


def _bring_back(runtime: Runtime, ready: Sequence[int]) -> dict[str, int]:
    types: Counter[str] = Counter()
    for start in range(0, len(ready), _CHUNK):
        with runtime.db.write() as conn:
            now = clock.now(conn)
            back = frames.bring_back(conn, ready[start : start + _CHUNK], now)
            # A frame counts once for its camera: as what it becomes now.
            failures = ((frame.task_id, frame.task_type, frame.failed_at) for frame in back)
            camera_hours.add_by_hour(conn, camera_hours.taken_back(failures, now))
            types.update(frame.task_type for frame in back)
    return dict(types)


def _refusal(state: FrameState | None) -> str:
    why = {
        FrameState.DONE: "a frame that is done has its result already",
        FrameState.DROPPED: "a dropped frame was given up for good and its picture is gone",
        FrameState.PENDING: "a pending frame waits for inference already",
        FrameState.PARKED: "a parked frame waits for a service of its type already",
        FrameState.LEASED: "a leased frame is being inferred now",
        None: "the filter names no state",
    }
    return f"state: only failed frames can be requeued: {why[state]}; use state failed"
