"""`easyai up` without frames: its memory and its share of a core."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from bench import site
from bench.live import free_port
from bench.processes import BenchError, Child, session_cpu_seconds, session_processes, wait_until
from bench.progress import Progress
from bench.report import Row, Target
from bench.scale import Scale

_SETTLE_SEC = 20.0  # the starts of all processes and their first checks are over
_STOP_LIMIT_SEC = 40.0
_GOAL_MB = 150.0
_MOST_MB = 200.0


def idle(scale: Scale, progress: Progress) -> list[Row]:
    """The memory of all processes against the goal, and their CPU time against the wall time."""
    memory = Target(
        f"memory of `easyai up` without frames ÷ {_GOAL_MB:g} MB",
        _MOST_MB / _GOAL_MB,
        1.0,
        lower_is_better=True,
    )
    cores = Target("core taken by `easyai up` without frames", 0.02, 0.01, lower_is_better=True)
    with (
        site.fresh_folder() as folder,
        progress.step(f"idle: {scale.idle_sec} s without frames") as step,
    ):
        pss_mb, rss_mb, share, count = _measure(folder, scale.idle_sec)
        step.outcome = f"{pss_mb:.0f} MB, {share:.1%} of a core"
    figures = {"pss_mb": round(pss_mb), "rss_mb": round(rss_mb), "processes": count}
    return [
        Row(
            memory,
            measured=pss_mb / _GOAL_MB,
            detail=f"{pss_mb:.0f} MB in {count} processes, shared pages counted once;"
            f" their RSS adds up to {rss_mb:.0f} MB",
            figures=figures,
        ),
        Row(cores, measured=share, detail=f"{share * 1000:.1f} ms of CPU a second"),
    ]


def _measure(folder: Path, seconds: int) -> tuple[float, float, float, int]:
    """MB with shared pages counted once, the sum of RSS in MB, the share of a core, processes."""
    settings = site.write_settings(folder)
    environment = {"EASYAI_CONFIG": str(settings), "EASYAI_PORT": str(free_port())}
    with Child("up", ["-m", "easyai.cli.main", "up"], folder, environment) as up:
        while "easyai is ready" not in up.read_line():
            continue
        time.sleep(_SETTLE_SEC)
        began, before = time.monotonic(), session_cpu_seconds(up.pid)
        time.sleep(seconds)
        used = session_cpu_seconds(up.pid) - before
        share = used / (time.monotonic() - began)
        processes = session_processes(up.pid)
        pss_mb, rss_mb = (sum(_mb(pid, kind) for pid in processes) for kind in ("Pss", "Rss"))
        # In order: a killed `up` would leave children that still write while the folder is removed.
        os.kill(up.pid, signal.SIGTERM)
        wait_until([], lambda: not session_processes(up.pid), _STOP_LIMIT_SEC, "easyai up ends")
    return pss_mb, rss_mb, share, len(processes)


def _mb(pid: int, kind: str) -> float:
    """Memory of a process in MB. Raises BenchError where the system does not report it."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except OSError as error:
        raise BenchError(f"the memory of process {pid} cannot be read: {error}") from error
    line = next(line for line in text.splitlines() if line.startswith(f"{kind}:"))
    return int(line.split()[1]) / 1024
