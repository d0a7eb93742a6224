"""Admission: parks waiting frames, or gives them up by the operator's rules.

Outage and overload are different. A type without a live service is parked: its frames wait for
`outage_retention_hours` and while the disk has space. Types whose live services are too slow lose
frames by `queue_full_strategy`; single cameras lose frames by their `max_frame_count`. All this
runs at the end of every scan.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from functools import partial
from typing import Final

from sqlalchemy import Connection

from easyai.db import admission_rows, clock, events, task_types
from easyai.db.events import Event
from easyai.domain.frame import FrameState, Outcome
from easyai.domain.overload import give_way, in_turn
from easyai.domain.reason import Reason
from easyai.pipeline.admission_drops import AT_ONCE, Drops
from easyai.pipeline.max_frame_count import CameraLimits
from easyai.pipeline.retention import Retention
from easyai.runtime import Runtime
from easyai.settings.schema import AiAnalysis

log = logging.getLogger(__name__)

_BUDGET_SEC: Final = 0.5  # of a single scan; the next scan continues


class Admission:
    """Applies the rules of waiting in a process's scans; remembers only which outages it logged."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._drops = Drops(runtime)
        self._cameras = CameraLimits(runtime, self._drops)
        self._retention = Retention(runtime, self._drops)
        self._parking: set[str] = set()  # types whose outage has been logged

    def review(self) -> None:
        """Apply the rules to the waiting frames, after new frames were recorded.
        Raises DatabaseUnavailableError or StoreUnavailableError.
        """
        analysis = self._runtime.settings.ai_analysis
        with self._runtime.db.read() as conn:
            unserved = [
                name for name in admission_rows.unserved(conn) if not analysis.affinity(name)
            ]
            in_order = [
                name
                for name in admission_rows.types_in(conn, FrameState.PARKED)
                if analysis.affinity(name)
            ]
            if self._parking:
                self._parking -= admission_rows.served(conn)
                self._parking &= set(task_types.names(conn))  # drop forgotten types
        self._park(unserved)
        self._unpark(in_order)
        self._cameras.review(self._runtime.settings.frame_extractor)
        self._thin(analysis)
        self._retention.review(analysis)

    def _park(self, unserved: Sequence[str]) -> None:
        until = time.monotonic() + _BUDGET_SEC
        for task_type in unserved:
            while self._park_some(task_type) == AT_ONCE and time.monotonic() < until:
                pass

    def _park_some(self, task_type: str) -> int:
        with self._runtime.db.dispatching() as conn:
            if task_type not in admission_rows.unserved(conn):
                return 0  # it is served again
            begins = task_type not in admission_rows.types_in(conn, FrameState.PARKED)
            oldest = admission_rows.oldest(conn, FrameState.PENDING, task_type, AT_ONCE)
            count = admission_rows.park(conn, [frame_id for _, frame_id in oldest])
            begins = begins and count > 0 and task_type not in self._parking
            if begins:
                parked = Reason.of("frames.parked", n=count)
                events.add(conn, [Event(clock.now(conn), "frames_parked", task_type, parked)])
        if begins:
            self._parking.add(task_type)
            log.warning(
                "frames parked: task_type=%s frames=%d; when a service takes work again, live "
                "frames go before them",
                task_type,
                count,
            )
        return count

    def _unpark(self, in_order: Sequence[str]) -> None:
        """Unpark frames of types with a state per camera, which must stay in order of capture.

        Frames may have been parked before their type got its affinity.
        """
        for task_type in in_order:
            with self._runtime.db.dispatching() as conn:
                oldest = admission_rows.oldest(conn, FrameState.PARKED, task_type, AT_ONCE)
                admission_rows.unpark(conn, [frame_id for _, frame_id in oldest])

    def _thin(self, analysis: AiAnalysis) -> None:
        """Give up frames while more than `max_queue_size` of served types are pending."""
        limit, strategy = analysis.max_queue_size, analysis.queue_full_strategy
        if strategy == "wait":
            return
        with self._runtime.db.read() as conn:
            if not admission_rows.more_than(conn, limit):
                return
        reason = Reason.of("frame.queue_full", n=limit, strategy=strategy)
        drop = partial(
            self._drops.drop, state=FrameState.PENDING, outcome=Outcome.QUEUE_FULL, reason=reason
        )
        until = time.monotonic() + _BUDGET_SEC
        if strategy != "latest_only":
            while drop(partial(_surplus, analysis)).frames and time.monotonic() < until:
                pass
            return
        for task_type in self._over_the_limit(analysis):
            superseded = partial(admission_rows.superseded, task_type=task_type, most=AT_ONCE)
            while drop(superseded).frames == AT_ONCE and time.monotonic() < until:
                pass
            if not self._over_the_limit(analysis):
                return

    def _over_the_limit(self, analysis: AiAnalysis) -> list[str]:
        """The types that have to give way, in order; empty unless more frames wait than may."""
        with self._runtime.db.read() as conn:
            waiting = admission_rows.waiting_served(conn)
        if sum(waiting.values()) <= analysis.max_queue_size:
            return []
        return in_turn(
            {k: v for k, v in waiting.items() if v},
            lambda name: analysis.type_settings(name).priority,
        )


def _surplus(analysis: AiAnalysis, conn: Connection) -> list[int]:
    """Ids of the frames to give up next, the oldest or the newest of the least important types."""
    newest = analysis.queue_full_strategy == "drop_newest"
    ways = give_way(
        admission_rows.waiting_served(conn),
        lambda name: analysis.type_settings(name).priority,
        analysis.max_queue_size,
    )
    ids: list[int] = []
    for crowd, count in ways:
        most = min(count, AT_ONCE - len(ids))
        if most == 0:
            break
        ids += _of_crowd(conn, crowd, most, newest=newest)
    return ids


def _of_crowd(conn: Connection, crowd: Sequence[str], most: int, *, newest: bool) -> list[int]:
    """Ids of up to `most` frames of some types, requeued frames before live frames."""
    requeued = [frame for name in crowd for frame in admission_rows.requeued(conn, name, most)]
    ids = dict.fromkeys(frame_id for _, frame_id in sorted(requeued)[:most])
    live = [
        frame
        for name in crowd
        for frame in (
            admission_rows.newest(conn, name, most)
            if newest
            else admission_rows.oldest(conn, FrameState.PENDING, name, most)
        )
    ]
    live.sort(reverse=newest)
    ids |= dict.fromkeys(frame_id for _, frame_id in live)
    return list(ids)[:most]


def review(runtime: Runtime) -> None:
    """Review the waiting frames with this process's admission."""
    runtime.part(Admission).review()
