"""Sampling in the scan: which new frames are inferred, and for "auto" how many can be.

The n of a type, the time of its last change and the capacity measured stand in the database, so
that all scanners agree; which frame of a camera is the n-th is counted by each scanner for itself.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection

from easyai.db import admission, events, statistics, task_types
from easyai.db.events import Event
from easyai.db.ledger import NewFrame
from easyai.domain.sampling import EveryNth, Load, Sampling, next_sampling
from easyai.runtime import Runtime
from easyai.settings import AiAnalysis

log = logging.getLogger(__name__)

_LOOK_EVERY_SEC: Final = 5.0
_WINDOW_SEC: Final = 10  # of the rates


class Sampler:
    """The sampling of one process's scans."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._every_nth = EveryNth()
        self._looked_at = time.monotonic()

    def split(
        self, conn: Connection, frames: Sequence[NewFrame]
    ) -> tuple[list[NewFrame], list[NewFrame]]:
        """New frames in order of capture: those to infer, and those sampled out."""
        analysis = self._runtime.settings.ai_analysis
        if not any(own.sampling != 1 for own in analysis.types.values()):
            return list(frames), []
        n_of = self._n_of(conn, analysis)
        kept: list[NewFrame] = []
        sampled: list[NewFrame] = []
        for frame in frames:
            n = n_of.get(frame.task_type, 1)
            camera = (frame.task_type, frame.task_id)
            (kept if self._every_nth.keeps(camera, n) else sampled).append(frame)
        return kept, sampled

    def adapt(self) -> None:
        """Now and then, let the n of each type with sampling "auto" follow its measured rates."""
        analysis = self._runtime.settings.ai_analysis
        names = _automatic(analysis)
        if not names or time.monotonic() - self._looked_at < _LOOK_EVERY_SEC:
            return
        self._looked_at = time.monotonic()
        now = time.time()
        with self._runtime.db.read() as conn:
            before = task_types.sampling(conn)
            tallies, seconds = statistics.recent(conn, now, _WINDOW_SEC)
            waiting = admission.waiting_served(conn)
        for name in sorted(names & before.keys() & waiting.keys() & tallies.keys()):
            tally = tallies[name]
            load = Load(tally.found / seconds, tally.processed / seconds, waiting[name])
            self._change(name, before[name], next_sampling(before[name], load, now), load)

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
            words = (
                f"one of {after.n} frames of each camera is inferred, before one of {before.n}: "
                f"{load.found_per_sec:.1f} found a second, {load.waiting} wait, "
                f"the algorithms do {after.capacity_per_sec or 0.0:.1f}"
            )
            events.add(conn, [Event(after.changed_at, "sampling_changed", name, words)])
        log.warning("sampling changed: task_type=%s n=%d: %s", name, after.n, words)


def _automatic(analysis: AiAnalysis) -> set[str]:
    return {name for name, own in analysis.types.items() if own.sampling == "auto"}


def _differs(before: Sampling, after: Sampling) -> bool:
    """Whether the capacity has changed enough to be worth a write."""
    old, new = before.capacity_per_sec or 0.0, after.capacity_per_sec or 0.0
    return abs(new - old) > 0.1 * max(old, new)
