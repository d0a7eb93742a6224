"""Cameras that each write one frame a second, with and without a backlog: does easyai keep up?"""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack

from sqlalchemy import Engine, text

from bench import site
from bench.pictures import OLD, write_old
from bench.processes import BenchError, Child, wait_until
from bench.progress import Progress
from bench.report import Row, Target
from bench.scale import Scale
from bench.throughput import algorithm
from easyai.supervisor.children import children

_CAMERAS = 1_000
_BESIDE = 50  # cameras that write beside a backlog
_BACKLOG = 50_000  # pictures from before the start
_WARM_UP_SEC = 5  # of frames that are not counted
_LIMIT_SEC = 120.0
_SETTLED = text(
    "SELECT count(*) FROM frames WHERE state IN ('done', 'failed', 'dropped') AND task_id <> :old"
)
# A version of a folder's picture begins with the time of its last change, in nanoseconds.
_AGE_AT = """
    SELECT {moment} - CAST(substr(version, 1, instr(version, '-') - 1) AS REAL) / 1e9
      FROM frames WHERE state = 'done' AND task_id <> :old
     ORDER BY 1 DESC LIMIT 1 OFFSET (SELECT count(*) / 100 FROM frames WHERE task_id <> :old)
"""


def live(scale: Scale, progress: Progress) -> list[Row]:
    """The time until the last frame is settled, against the time of writing."""
    seconds = scale.live_sec
    target = Target(
        f"{_CAMERAS:,} cameras × 1 frame/s: seconds until all are settled ÷ seconds of writing",
        1.2,
        1.1,
        lower_is_better=True,
    )
    with progress.step(f"live: {_CAMERAS:,} cameras, {seconds} s") as step:
        took, figures = _measure(seconds, _CAMERAS)
        step.outcome = f"settled after {took:.1f} s, {figures['cores']:.2f} cores"
    detail = (
        f"{took:.1f} s ÷ {seconds} s; {figures['cores']:.2f} cores; 99 of 100 frames seen after"
        f" {figures['seen_sec']:.2f} s, settled after {figures['settled_sec']:.2f} s"
    )
    return [Row(target, measured=took / seconds, detail=detail, figures=figures)]


def backlog(scale: Scale, progress: Progress) -> list[Row]:
    """How soon frames of live cameras are seen beside pictures from before the start."""
    seconds = scale.live_sec
    target = Target(
        f"seconds until 99 of 100 frames of {_BESIDE} live cameras are seen, beside"
        f" {_BACKLOG:,} waiting pictures",
        2.0,
        1.5,
        lower_is_better=True,
    )
    with progress.step(f"backlog: {_BACKLOG:,} waiting, {_BESIDE} cameras, {seconds} s") as step:
        took, figures = _measure(seconds, _BESIDE, _BACKLOG)
        step.outcome = f"seen after {figures['seen_sec']:.2f} s"
    detail = f"live frames settled after {took:.1f} s; {figures['cores']:.2f} cores"
    return [Row(target, measured=figures["seen_sec"], detail=detail, figures=figures)]


def _measure(seconds: int, cameras: int, waiting: int = 0) -> tuple[float, dict[str, float]]:
    """Seconds until all written frames are settled, beside waiting pictures.

    Also the cores used meanwhile, and the age of 99 of 100 frames when they were seen and settled.
    """
    with ExitStack() as stack:
        folder = stack.enter_context(site.fresh_folder())
        endpoint = stack.enter_context(algorithm())
        settings = site.write_settings(folder)
        runtime = stack.enter_context(site.installation(settings, endpoint))
        root = runtime.settings.frame_extractor.output_dir
        write_old(root, waiting)
        port = free_port()
        environment = {"EASYAI_CONFIG": str(settings), "EASYAI_PORT": str(port)}
        parts = [
            stack.enter_context(Child(one.name, list(one.arguments), folder, environment))
            for one in children(port)
        ]
        next(part for part in parts if part.name == "worker").wait_for_log(" ready.")
        arguments = ["-m", "bench.cameras", str(root), str(cameras), str(_WARM_UP_SEC + seconds)]
        writer = stack.enter_context(Child("cameras", arguments, folder, {}))
        time.sleep(_WARM_UP_SEC)
        before, began = _cpu(parts), time.monotonic()
        written = int(writer.read_line())
        engine = runtime.db.engine
        wait_until(parts, lambda: _settled(engine) >= written, _LIMIT_SEC, "all are settled")
        took = time.monotonic() - began
        figures = {"cores": round((_cpu(parts) - before) / took, 2)}
        if _settled(engine) != written:
            raise BenchError(f"{_settled(engine)} frames are settled, {written} were written")
        with engine.connect() as conn:
            for name, moment in (("seen_sec", "found_at"), ("settled_sec", "settled_at")):
                age = conn.execute(text(_AGE_AT.format(moment=moment)), {"old": OLD}).scalar_one()
                figures[name] = round(age, 2)
        return took, figures


def free_port() -> int:
    """A port of this machine that nothing listens on."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
    return port


def _cpu(parts: list[Child]) -> float:
    return sum(child.cpu_seconds() for child in parts)


def _settled(engine: Engine) -> int:
    with engine.connect() as conn:
        return int(conn.execute(_SETTLED, {"old": OLD}).scalar_one())
