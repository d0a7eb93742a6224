"""Scans of many camera folders without new frames: their share of a core."""

from __future__ import annotations

import time

from bench import site
from bench.pictures import TASK_TYPE, Camera
from bench.processes import BenchError
from bench.progress import Progress
from bench.report import Row, Target
from bench.scale import Scale
from easyai.pipeline import intake

_FOLDERS = 10_000
_INTERVAL_SEC = 1.0  # the default
_WARM_UP_SCANS = 5  # a folder is listed for some seconds after each change
_NOBODY = "http://127.0.0.1:9/infer"  # registered, but nothing is sent to it


def folders(scale: Scale, progress: Progress) -> list[Row]:
    """The CPU time of scans against their wall time."""
    target = Target(
        f"core taken by scans of {_FOLDERS:,} camera folders, nothing new",
        0.10,
        0.05,
        lower_is_better=True,
    )
    with (
        site.fresh_folder() as folder,
        site.installation(site.write_settings(folder), _NOBODY) as runtime,
        progress.step(f"folders: {scale.idle_scans} scans of {_FOLDERS:,}") as step,
    ):
        root = runtime.settings.frame_extractor.output_dir
        Camera(root, _FOLDERS)
        cpu = 0.0
        for number in range(_WARM_UP_SCANS + scale.idle_scans):
            began, before = time.monotonic(), time.process_time()
            if intake.scan(runtime).new_frames:
                raise BenchError(f"a scan found frames below {root}, where there are none")
            cpu += (time.process_time() - before) * (number >= _WARM_UP_SCANS)
            time.sleep(max(0.0, _INTERVAL_SEC - (time.monotonic() - began)))
        share = cpu / (scale.idle_scans * _INTERVAL_SEC)
        step.outcome = f"{share:.1%} of a core"
    detail = f"{share * 1000:.0f} ms of CPU a second, folders of {TASK_TYPE}"
    return [Row(target, measured=share, detail=detail)]
