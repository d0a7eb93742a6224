"""Intake: finds new frames in the store and records them in the ledger."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from easyai.db import admission, ledger, statistics, waiting
from easyai.db.ledger import NewFrame
from easyai.db.statistics import Tally
from easyai.domain.frame import FrameKey, captured_at
from easyai.pipeline.admission import review
from easyai.pipeline.admission_drops import delete
from easyai.pipeline.resurfaced import send_back
from easyai.pipeline.sampling import Sampler
from easyai.pipeline.type_gate import TypeGate
from easyai.runtime import Runtime
from easyai.settings import AiAnalysis

log = logging.getLogger(__name__)

_MANY = 2000  # keys in the store from which on the ledger is not asked for all at every tick
_TRUST_SEC = 15.0
_REMIND_SEC = 3600.0  # of scanning being switched off


@dataclass(slots=True)
class ScanReport:
    """What one scan found."""

    new_frames: int = 0
    half_written: int = 0  # looked at again by the next scan
    strays: int = 0  # pictures too high in the tree to name type and camera
    refused: int = 0  # of types that have no place (max_task_types); left in the store
    waiting: list[str] = field(default_factory=list)  # types with frames, parked ones too


class Scanner:
    """Scans a store; remembers a little between scans, and loses nothing when it is made anew.

    The ledger says what is known already. Only when thousands of frames wait are keys taken for
    known from memory, for 15 s at most: so a name that a camera used again is found then.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._known: set[str] = set()
        self._known_since = 0.0
        self._strays = 0
        self._first = True
        self._disabled_told_at: float | None = None  # monotonic; None while switched on
        self._sampler = Sampler(runtime)

    def scan(self) -> ScanReport:
        """One look over the store; raises StoreUnavailableError or DatabaseUnavailableError."""
        report = ScanReport()
        analysis = self._runtime.settings.ai_analysis
        self._tell_enabled(analysis.enable)
        if not analysis.enable:
            return report
        self._forget()
        if self._first:
            send_back(self._runtime)
            self._first = False
        for page in self._runtime.store.walk():
            self._take_in(page, analysis, report)
        self._runtime.part(TypeGate).report()
        self._tell(report)
        self._sampler.adapt()
        review(self._runtime)
        with self._runtime.db.read() as conn:
            report.waiting = waiting.due_types(conn, time.time())
        return report

    def _take_in(self, page: Sequence[str], analysis: AiAnalysis, report: ScanReport) -> None:
        unknown = self._with_place(self._unknown(page, report), report)
        if not unknown:
            return
        with self._runtime.db.read() as conn:
            known = ledger.known_keys(conn, [key.key for key in unknown])
            newest_id = ledger.newest_id(conn)
        self._known |= known
        found = []
        for key in unknown:
            if key.key in known:
                continue
            frame = self._examine(key, analysis)
            if frame is None:
                report.half_written += 1
            else:
                found.append(frame)
        if found:
            report.new_frames += self._record(found, newest_id)

    def _unknown(self, page: Sequence[str], report: ScanReport) -> list[FrameKey]:
        rules = self._runtime.store.rules
        unknown = []
        for key in page:
            if key in self._known:
                continue
            parsed = rules.parse(key)
            if parsed is not None:
                unknown.append(parsed)
            elif rules.is_stray_picture(key):
                report.strays += 1
        return unknown

    def _with_place(self, keys: list[FrameKey], report: ScanReport) -> list[FrameKey]:
        """Those whose task types have a place."""
        if not keys:
            return keys
        types = self._runtime.part(TypeGate).admit({key.task_type for key in keys})
        left = [key for key in keys if key.task_type in types]
        report.refused += len(keys) - len(left)
        return left

    def _examine(self, key: FrameKey, analysis: AiAnalysis) -> NewFrame | None:
        picture = self._runtime.store.ready(key.key, analysis.frame_stable_sec)
        if picture is None:
            return None
        return NewFrame(
            key=key.key,
            task_type=key.task_type,
            task_id=key.task_id,
            version=picture.version,
            captured_at=captured_at(key.filename, picture.modified_at),
            stream=key.task_id if analysis.affinity(key.task_type) else None,
        )

    def _record(self, found: list[NewFrame], newest_id: int) -> int:
        found.sort(key=lambda frame: (frame.captured_at, frame.key))
        now = time.time()
        with self._runtime.db.write() as conn:
            # By a scan elsewhere, while this one looked: it may be inferred and gone by now.
            meanwhile = ledger.recorded_since(conn, newest_id)
            new = [frame for frame in found if (frame.key, frame.version) not in meanwhile]
            kept, sampled = self._sampler.split(conn, new)
            ledger.add(conn, kept, now)
            unwanted = admission.add_sampled(conn, sampled, now)
            counts = Counter(frame.task_type for frame in new)
            out = Counter(frame.task_type for frame in sampled)
            tallies = {name: Tally(found=n, sampled=out[name]) for name, n in counts.items()}
            statistics.add(conn, tallies, now)
        self._known.update(frame.key for frame in kept)
        delete(self._runtime, unwanted)
        return len(new)

    def _forget(self) -> None:
        now = time.monotonic()
        if len(self._known) < _MANY or now - self._known_since >= _TRUST_SEC:
            self._known.clear()
            self._known_since = now

    def _tell_enabled(self, enabled: bool) -> None:
        now, told_at = time.monotonic(), self._disabled_told_at
        if enabled:
            if told_at is not None:
                log.info("scanning is switched on again")
            self._disabled_told_at = None
        elif told_at is None or now - told_at >= _REMIND_SEC:
            self._disabled_told_at = now
            log.warning(
                "scanning is switched off: ai_analysis.enable = false; frames stay in the store"
            )

    def _tell(self, report: ScanReport) -> None:
        if report.new_frames:
            log.info("found new images: count=%d", report.new_frames)
        if report.strays != self._strays:
            self._strays = report.strays
            log.warning(
                "pictures outside <task_type>/<task_id>/, left alone: count=%d", report.strays
            )


def scan(runtime: Runtime) -> ScanReport:
    """One scan by this process's scanner."""
    return runtime.part(Scanner).scan()
