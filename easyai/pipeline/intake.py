"""Intake: finds new frames in the store and records them in the ledger, a piece at each tick.

A piece ends when its time is over, and the next piece continues there. Pictures that came since the
last piece go first. Each piece also takes in a page or more of the backlog, so that new pictures
and backlog both make progress under any load.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from typing import Final

from easyai.db import clock, waiting
from easyai.domain.arrivals import Arrivals
from easyai.domain.frame import FrameKey
from easyai.pipeline.admission import review
from easyai.pipeline.frame_log import EVERY_SEC
from easyai.pipeline.known_pictures import KnownPictures, NewestId
from easyai.pipeline.layout import Layout
from easyai.pipeline.recording import Recording
from easyai.pipeline.resurfaced import send_back
from easyai.pipeline.scan_sampling import Sampler
from easyai.pipeline.type_gate import TypeGate
from easyai.runtime import Runtime
from easyai.store.frame_store import Listing
from easyai.system.log_throttle import LogThrottle

log = logging.getLogger(__name__)

_PAGE: Final = 1000  # pictures that are recorded in a transaction
_REQUESTS: Final = 200  # pictures per page, if each costs a request
# Keys in memory, 200 bytes each, at which the listing of a backlog pauses. With fewer, live cameras
# whose folders are not listed yet would wait.
_MOST_WAITING: Final = 500_000
_LONGEST_PIECE_SEC: Final = 10.0
_REMIND_SEC = 3600.0  # between warnings that scanning is switched off


@dataclass(slots=True)
class ScanReport:
    """The result of a scan."""

    new_frames: int = 0
    half_written: int = 0  # the next scan looks again
    strays: int = 0  # pictures too high in the tree to name type and camera
    dated: int = 0  # pictures in date folders where task type folders should be
    refused: int = 0  # their types have no place (max_task_types); left in the store
    more: bool = False  # this scan ran out of time, the next scans continue
    waiting: list[str] = field(default_factory=list)  # types with waiting or parked frames


class Scanner:
    """Scans a store; its memory between scans may be lost without losing a frame."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._scanning = threading.Lock()
        self._known = KnownPictures(
            runtime.db, runtime.part(NewestId), stale_listings=runtime.store.remote
        )
        self._watch = runtime.store.watch()
        self._arrivals = Arrivals(lambda name: runtime.settings.ai_analysis.affinity(name))
        self._layout = Layout(runtime)
        self._sampler = runtime.part(Sampler)
        self._recording = Recording(runtime, self._known, self._sampler)
        # Backlog pictures that were not whole at the first check: they stay backlog.
        self._unfinished: set[str] = set()
        self._first = True
        self._found = LogThrottle(EVERY_SEC)
        self._switched_off = LogThrottle(_REMIND_SEC)

    def scan(self) -> ScanReport:
        """Scan a piece; raises StoreUnavailableError or DatabaseUnavailableError.

        Returns an empty report while another thread of this process scans.
        """
        if not self._scanning.acquire(blocking=False):
            return ScanReport()
        try:
            return self._scan()
        finally:
            self._scanning.release()

    def _scan(self) -> ScanReport:
        report = ScanReport()
        analysis = self._runtime.settings.ai_analysis
        self._log_enabled(analysis.enable)
        if not analysis.enable:
            return report
        budget_sec = min(analysis.scan_interval_sec, _LONGEST_PIECE_SEC)
        if self._first:
            send_back(self._runtime)
            self._first = False
        # Before any listing of the store: see pipeline/known_pictures.py.
        self._watch.again(self._known.refresh())
        if self._known.went_back:
            log.debug("the ledger has lost its newest frames: a standby took over, or history went")
            send_back(self._runtime)
            self._known.went_back = False  # only now: after an error, the next scan tries again
        self._layout.begin()
        # The time that the ledger took does not count: with a long backlog no time would be left.
        # A busy process gives this thread a fifth of the time, so listing gets the whole interval:
        # else a live camera would wait for several scans.
        self._queue(self._gather(time.monotonic() + budget_sec), report)
        self._take_in(time.monotonic() + budget_sec / 4, report)
        report.half_written = len(self._watch.unfinished)
        report.more = self._watch.cut or len(self._arrivals) > 0
        report.strays, report.dated = self._layout.report()
        self._log_found(report.new_frames)
        self._sampler.adapt()
        review(self._runtime)
        with self._runtime.db.read() as conn:
            report.waiting = waiting.due_types(conn, clock.now(conn))
        return report

    def _log_found(self, count: int) -> None:
        """Log at most a line in ten seconds, the first at once."""
        found = self._found.due(count=count)
        if found:
            log.info("found new images: count=%d", found)

    def _gather(self, until: float) -> list[tuple[list[FrameKey], bool]]:
        """The frames that the ledger does not know, by listing, each list with "may be backlog".

        Stops when memory holds enough of a backlog: the next scans continue.
        """
        gathered = []
        waiting = len(self._arrivals)

        def wants_more() -> bool:
            return waiting < _MOST_WAITING

        for listing in self._watch.listings(until, wants_more):
            unknown = self._unknown(listing)
            if not unknown:
                continue
            waiting += len(unknown)
            if old := [key for key in unknown if key.key in self._unfinished]:
                gathered.append((old, True))
                unknown = [key for key in unknown if key.key not in self._unfinished]
            gathered.append((unknown, listing.first))
        return gathered

    def _unknown(self, listing: Listing) -> list[FrameKey]:
        """The frames of a listing that the ledger does not know."""
        rules, unknown = self._runtime.store.rules, []
        for key in listing.keys:
            if key in self._known or key in self._arrivals:
                continue
            parsed = rules.parse(key)
            if parsed is None:
                if rules.is_stray_picture(key):
                    self._layout.stray(key)
            elif not self._layout.is_dated(parsed):
                unknown.append(parsed)
        return unknown

    def _queue(self, gathered: Sequence[tuple[list[FrameKey], bool]], report: ScanReport) -> None:
        """Queue the frames whose task types have a place; look at the other frames again later."""
        gate, refused = self._runtime.part(TypeGate), []
        types = gate.admit({key.task_type for keys, _ in gathered for key in keys})
        for keys, first in gathered:
            admitted = [key for key in keys if key.task_type in types]
            self._arrivals.add(admitted, first=first)
            if len(admitted) < len(keys):
                refused += [key.key for key in keys if key.task_type not in types]
        report.refused = len(refused)
        self._watch.again(refused[:_PAGE])
        gate.report()

    def _take_in(self, until: float, report: ScanReport) -> None:
        while page := self._arrivals.live(_PAGE):
            wary = {key for key in page if self._known.lately(key)}
            report.new_frames += self._record(page, wary)
            if time.monotonic() >= until:
                break
        most = _REQUESTS if self._runtime.store.remote else _PAGE
        # Drop pictures that have gone or that another worker has recorded.
        self._unfinished.intersection_update(self._watch.unfinished)
        while page := self._arrivals.backlog(most):
            self._unfinished.update(page)
            report.new_frames += self._record(page, set(page))
            if time.monotonic() >= until:
                break

    def _record(self, page: Sequence[str], wary: Container[str]) -> int:
        """Record the whole and new pictures of a page; returns how many."""
        stable_sec = self._runtime.settings.ai_analysis.frame_stable_sec
        pictures = self._watch.whole_pictures(page, stable_sec, wary)
        self._unfinished.difference_update(picture.key for picture in pictures)
        new = [picture for picture in pictures if not self._known.has(picture.key, picture.version)]
        return len(self._recording.record(new)) if new else 0

    def _log_enabled(self, enabled: bool) -> None:
        if enabled:
            if self._switched_off.over():
                log.info("scanning is switched on again")
        elif self._switched_off.due():
            log.warning(
                "scanning is switched off: ai_analysis.enable = false; frames stay in the store"
            )


def scan(runtime: Runtime) -> ScanReport:
    """Scan a piece with this process's scanner."""
    return runtime.part(Scanner).scan()
