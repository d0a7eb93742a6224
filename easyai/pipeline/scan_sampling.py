"""Sampling in the scan: which new frames are inferred and, for "auto", how many can be inferred.

The database holds the n of a type, the time of its last change and the bound of its capacity, so
that all scanners agree. Each scanner counts the frames of a camera for itself.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import Connection

from easyai.db import admission_rows, clock, events, routable, services, statistics, task_types
from easyai.db.events import Event
from easyai.db.recorded_frames import NewFrame
from easyai.db.statistics import Tally
from easyai.domain.frame import FrameState
from easyai.domain.reason import Reason
from easyai.domain.sampling import LATE_SEC, EveryNth, Load, Sampling, next_sampling
from easyai.messages.catalogue import text
from easyai.pipeline.dispatch import has_free_place
from easyai.runtime import Runtime
from easyai.settings.schema import AiAnalysis, Settings

log = logging.getLogger(__name__)

_ADAPT_EVERY_SEC: Final = 5.0
_SCANS: Final = 3  # at least so many scans in the time over which rates are measured
# A camera without frames for twice this time is forgotten; its next frame is inferred.
_FORGET_EVERY_SEC: Final = 3600.0
# An older count of waiting frames is no longer compared: other workers may have scanned since.
_FRESH_SEC: Final = 3 * _ADAPT_EVERY_SEC


class Sampler:
    """The sampling in a process's scans."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._every_nth = EveryNth()
        self._forgot_at = time.monotonic()
        self._adapted_at = time.monotonic()
        self._waited: Mapping[str, int] = {}  # waiting frames by type, at the last adaptation
        self._waited_at = self._adapted_at

    def split(
        self, conn: Connection, frames: Sequence[NewFrame]
    ) -> tuple[list[NewFrame], list[NewFrame]]:
        """Split new frames, in order of capture, into frames to infer and frames sampled out."""
        analysis = self._runtime.settings.ai_analysis
        if not any(own.sampling != 1 for own in analysis.types.values()):
            return list(frames), []
        if time.monotonic() - self._forgot_at >= _FORGET_EVERY_SEC:
            self._forgot_at = time.monotonic()
            self._every_nth.forget()
        n_of = self._n_of(conn, analysis)
        kept: list[NewFrame] = []
        sampled: list[NewFrame] = []
        for frame in frames:
            n = n_of.get(frame.task_type, 1)
            camera = (frame.task_type, frame.task_id)
            (kept if self._every_nth.keeps(camera, n) else sampled).append(frame)
        return kept, sampled

    def adapt(self) -> None:
        """Every 5 s, adapt the n of each type with sampling "auto" to its measured load."""
        analysis = self._runtime.settings.ai_analysis
        names = _automatic(analysis)
        adapted_at = time.monotonic()
        if not names or adapted_at - self._adapted_at < _ADAPT_EVERY_SEC:
            return
        self._adapted_at = adapted_at
        if adapted_at - self._waited_at > max(_FRESH_SEC, _SCANS * analysis.scan_interval_sec):
            self._waited = {}
        buckets = math.ceil(_SCANS * analysis.scan_interval_sec / statistics.BUCKET_SEC)
        with self._runtime.db.read() as conn:
            now = clock.now(conn)
            before = task_types.sampling(conn)
            waiting = admission_rows.waiting_served(conn)
            recent = statistics.recent(conn, now, buckets * statistics.BUCKET_SEC)
            loads = {
                name: self._load(conn, name, waiting[name], recent, now)
                for name in sorted(names & before.keys() & waiting.keys())
            }
        self._waited, self._waited_at = waiting, adapted_at
        for name, load in loads.items():
            self._change(name, before[name], next_sampling(before[name], load, now), load)

    def _load(
        self,
        conn: Connection,
        name: str,
        waiting: int,
        recent: tuple[Mapping[str, Tally], float],
        now: float,
    ) -> Load:
        tallies, seconds = recent
        tally = tallies.get(name, Tally())
        settings = self._runtime.settings
        late = tally.queue_full > 0 or _is_late(conn, name, now)
        # In ordered types a camera has a single frame in flight, even if places are free.
        in_order = settings.ai_analysis.affinity(name)
        return Load(
            found_per_sec=tally.found / seconds,
            done_per_sec=tally.processed / seconds,
            waiting=waiting,
            growing=waiting >= self._waited.get(name, math.inf),
            late=late,
            full=late if in_order else _is_full(conn, settings, name, now),
            busy=_busy(conn, name, tallies, seconds),
        )

    def _n_of(self, conn: Connection, analysis: AiAnalysis) -> dict[str, int]:
        measured = task_types.sampling(conn) if _automatic(analysis) else {}
        return {
            name: measured.get(name, Sampling()).n if own.sampling == "auto" else own.sampling
            for name, own in analysis.types.items()
        }

    def _change(self, name: str, before: Sampling, after: Sampling, load: Load) -> None:
        if after.n == before.n and not _differs(before, after):
            return
        with self._runtime.db.write() as conn:
            if not task_types.set_sampling(conn, name, before, after) or after.n == before.n:
                return
            changed = _changed(before, after, load)
            events.add(conn, [Event(after.changed_at, "sampling_changed", name, changed)])
        log.warning("sampling changed: task_type=%s n=%d: %s", name, after.n, text(changed))


def _changed(before: Sampling, after: Sampling, load: Load) -> Reason:
    return Reason.of(
        "sampling.changed",
        now=after.n,
        before=before.n,
        found_per_sec=load.found_per_sec,
        inferred_per_sec=load.done_per_sec,
        waiting=load.waiting,
    )


def _automatic(analysis: AiAnalysis) -> set[str]:
    return {name for name, own in analysis.types.items() if own.sampling == "auto"}


def _is_late(conn: Connection, task_type: str, now: float) -> bool:
    """Whether a frame that is due has waited longer than LATE_SEC."""
    oldest = admission_rows.oldest(conn, FrameState.PENDING, task_type, 1)
    return bool(oldest) and now - oldest[0][0] > LATE_SEC


def _is_full(conn: Connection, settings: Settings, task_type: str, now: float) -> bool:
    """Whether a dispatch now would find no free place at the algorithms."""
    return not has_free_place(conn, settings, task_type, now)


def _busy(conn: Connection, task_type: str, tallies: Mapping[str, Tally], seconds: float) -> float:
    """Mean number of calls under way per endpoint of a type, calls of other types included."""
    pks = routable.of_type(conn, task_type)
    names = services.task_types_of(conn, pks)
    busy_sec = sum(tallies[name].infer_ms_sum for name in names if name in tallies) / 1000
    return busy_sec / seconds / len(pks) if pks else 0.0


def _differs(before: Sampling, after: Sampling) -> bool:
    """Whether the capacity's bound has changed enough to be worth a write."""
    old, new = before.capacity_per_sec or 0.0, after.capacity_per_sec or 0.0
    return abs(new - old) > 0.1 * max(old, new)
