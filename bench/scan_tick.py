"""One scan that finds 20 new frames: with a long history and with none."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from sqlalchemy import text

from bench import site
from bench.history import add_alert_files, add_settled_rows
from bench.pictures import Camera
from bench.processes import BenchError
from bench.progress import Progress
from bench.report import Row, Target
from bench.scale import Scale
from easyai.pipeline import intake
from easyai.runtime import Runtime

NEW_FRAMES = 20
_MANY = 3_000  # frames whose cost of being scanned is measured
_MOST_SCANS = 50  # in which they must be found
_WARM_UP_TICKS = 10
_NOBODY = "http://127.0.0.1:9/infer"  # registered, but nothing is sent to it
# Not deleted: a table without its last ids looks like a restored ledger.
_SETTLE = text("""
    UPDATE frames SET state = 'done', outcome = 'missing', image_path = '', settled_at = found_at
     WHERE state = 'pending'
""")


def scan_tick(scale: Scale, progress: Progress) -> list[Row]:
    """Ticks of both installations in turn, so that both run under the same load."""
    target = Target(
        f"scan tick, {NEW_FRAMES} new frames: {scale.settled_rows:,} settled rows and "
        f"{scale.alert_files:,} alert pictures ÷ none",
        1.5,
        1.1,
        lower_is_better=True,
    )
    with site.fresh_folder() as folder, ExitStack() as stack:
        full, empty = (_Site(folder / name, stack) for name in ("full", "empty"))
        with progress.step(
            f"scan tick: {scale.settled_rows:,} rows and {scale.alert_files:,} files"
        ):
            add_settled_rows(full.runtime, scale.settled_rows)
            add_alert_files(full.runtime, scale.alert_files)
        with progress.step(f"scan tick: {scale.ticks} ticks on either side") as step:
            for _ in range(_WARM_UP_TICKS + scale.ticks):
                full.tick()
                empty.tick()
            step.outcome = f"{full.median_ms:.2f} ms with history, {empty.median_ms:.2f} ms without"
        return [_row(target, full, empty, empty.frame_cpu_us(_MANY))]


class _Site:
    """An installation whose scans are timed."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.runtime: Runtime = stack.enter_context(
            site.installation(site.write_settings(folder), _NOBODY)
        )
        self._frames = self.runtime.settings.frame_extractor.output_dir
        self._camera = Camera(self._frames)
        self._ticks_ms: list[float] = []

    @property
    def ticks_ms(self) -> list[float]:
        """Milliseconds of every tick after the warm-up."""
        return self._ticks_ms[_WARM_UP_TICKS:]

    @property
    def median_ms(self) -> float:
        """The median tick."""
        return median(self.ticks_ms)

    def tick(self) -> None:
        """Put new frames in place, time the scan that finds them, remove the frames."""
        keys = self._camera.write(NEW_FRAMES)
        began = time.perf_counter()
        report = intake.scan(self.runtime)
        self._ticks_ms.append((time.perf_counter() - began) * 1000)
        if report.new_frames != NEW_FRAMES:
            raise BenchError(f"a scan found {report.new_frames} new frames, not {NEW_FRAMES}")
        for key in keys:
            (self._frames / key).unlink()
        with self.runtime.db.write() as conn:
            conn.execute(_SETTLE)

    def frame_cpu_us(self, count: int) -> float:
        """Microseconds of CPU for each frame of scans that find many."""
        self._camera.write(count)
        began, found = time.process_time(), 0
        for _ in range(_MOST_SCANS):  # a scan ends when its time is over
            found += intake.scan(self.runtime).new_frames
            if found >= count:
                break
        if found != count:
            raise BenchError(f"{_MOST_SCANS} scans found {found} new frames, not {count}")
        return (time.process_time() - began) / count * 1e6


def _row(target: Target, full: _Site, empty: _Site, many_us: float) -> Row:
    return Row(
        target,
        measured=full.median_ms / empty.median_ms,
        detail=f"{full.median_ms:.2f} ms ÷ {empty.median_ms:.2f} ms, {len(full.ticks_ms)} ticks",
        figures={
            "median_ms": {"history": round(full.median_ms, 3), "none": round(empty.median_ms, 3)},
            "ticks": len(full.ticks_ms),
            "frame_cpu_us": round(many_us, 2),
        },
    )
