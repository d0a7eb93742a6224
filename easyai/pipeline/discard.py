"""Discard: an operator gives up waiting frames of a task type or of a single camera."""

from __future__ import annotations

import logging
import math
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection

from easyai.db import audit, clock, discards
from easyai.db.discards import Chosen, Waiting
from easyai.domain.actor import Actor
from easyai.domain.frame import FrameState, Outcome
from easyai.domain.reason import Reason
from easyai.errors import BadRequestError
from easyai.pipeline.admission_drops import AT_ONCE, Drops
from easyai.runtime import Runtime

log = logging.getLogger(__name__)

_REASON: Final = Reason("frame.discarded")
_WAITING: Final = (FrameState.PARKED, FrameState.PENDING)


@dataclass(slots=True)
class DiscardReport:
    """Counts of the frames that matched."""

    by_camera: dict[str, int] = field(default_factory=dict)  # frames that waited at the start
    discarded: int = 0  # 0 with dry_run
    in_flight: int = 0  # left alone: a service works on them
    waiting: int = 0  # still wait: they arrived meanwhile, or the time was over


def discard(
    runtime: Runtime,
    chosen: Chosen,
    *,
    dry_run: bool = False,
    limit_sec: float = math.inf,
    by: Actor | None = None,
) -> DiscardReport:
    """Give up every frame that waits now, as `discarded`; their pictures are deleted.

    Frames in flight, failed frames and frames found later stay. `dry_run` only counts. After
    `limit_sec` the rest stays for the next call. `by` is recorded. Raises BadRequestError without a
    task type. Raises DatabaseUnavailableError; frames given up before the error stay given up.
    """
    if not chosen.task_type:
        raise BadRequestError("task_type: name the type whose frames are to be given up")
    with runtime.db.read() as conn:
        until = clock.now(conn)
        report = _counted(conn, chosen)
    if dry_run or not report.waiting:
        return report
    with runtime.db.write() as conn:
        cameras = f"{chosen.task_type}/{chosen.task_id or '*'}"
        given_up = Reason.of("action.frames_given_up", n=report.waiting, cameras=cameras)
        audit.note(conn, by, "discard", given_up)
    report.discarded = _give_up(runtime, chosen, until, time.monotonic() + limit_sec)
    with runtime.db.read() as conn:
        report.waiting = _counted(conn, chosen).waiting
    log.warning(
        "frames discarded by request: task_type=%s task_id=%s frames=%d",
        chosen.task_type,
        chosen.task_id or "*",
        report.discarded,
    )
    return report


def _counted(conn: Connection, chosen: Chosen) -> DiscardReport:
    by_camera: Counter[str] = Counter()
    report = DiscardReport()
    for state, camera, count in discards.counts(conn, chosen):
        if state == FrameState.LEASED:
            report.in_flight += count
        else:
            by_camera[camera] += count
    report.by_camera = dict(sorted(by_camera.items()))
    report.waiting = by_camera.total()
    return report


def _give_up(runtime: Runtime, chosen: Chosen, until: float, limit: float) -> int:
    drops = Drops(runtime)
    return sum(_give_up_in(drops, state, chosen, until, limit) for state in _WAITING)


def _give_up_in(drops: Drops, state: FrameState, chosen: Chosen, until: float, limit: float) -> int:
    number, before_round = 0, 0
    part: list[Waiting] = []

    def choose(conn: Connection) -> list[int]:
        after = part[-1] if part else None
        part[:] = discards.waiting(conn, state, chosen, until, AT_ONCE, after)
        return [frame.id for frame in part]

    while time.monotonic() < limit:
        number += drops.drop(choose, state, Outcome.DISCARDED, _REASON).frames
        if not part:  # the end; a frame that became due meanwhile may be before it
            if number == before_round:
                break
            before_round = number
    return number
