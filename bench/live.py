"""An installation on all processes of ``easyai up``, and cameras that write meanwhile."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, text

from bench import site
from bench.others import Others
from bench.pictures import OLD, type_name, write_old
from bench.processes import BenchError, Child, wait_until
from bench.throughput import algorithms
from easyai.supervisor.children import children

_WARM_UP_SEC = 5  # of frames that are not counted
_LIMIT_SEC = 120.0
_POLL_SEC = 0.1  # counting rows takes CPU from the measured processes
_SETTLED = (
    "SELECT count(*) FROM frames WHERE state IN ('done', 'failed', 'dropped') AND task_id <> :old"
)
_LAST = "SELECT max(settled_at) FROM frames WHERE task_id <> :old"
# A version of a folder's picture begins with the time of its last change, in nanoseconds.
_AGE_AT = """
    SELECT {moment} - CAST(substr(version, 1, instr(version, '-') - 1) AS REAL) / 1e9
      FROM frames WHERE state = 'done' AND task_id <> :old
     ORDER BY 1 DESC LIMIT 1 OFFSET (SELECT count(*) / 100 FROM frames WHERE task_id <> :old)
"""


@dataclass(frozen=True)
class LiveFleet:
    """Cameras that each write one frame a second, and services that each take all types."""

    cameras: int
    types: int = 1
    services: int = 1
    infer_ms: float = 0.0
    together: bool = False  # all cameras write at the same moment, else at an even pace
    waiting: int = 0  # pictures from before the start


@dataclass(frozen=True)
class Outcome:
    """What a fleet's frames took."""

    behind_sec: float  # from the last written frame to the last settled frame
    cores: float  # of all processes of easyai
    cpu_ms: float  # of these, for each frame
    seen_sec: float  # the age at which 99 of 100 frames were seen
    settled_sec: float  # and settled
    others_cores: float  # that programs beside the bench took


def measure(fleet: LiveFleet, seconds: int) -> Outcome:
    """Let the cameras write for so long after a warm-up, and wait until all frames are settled.

    Raises BenchError when frames are lost or not settled within two minutes.
    """
    with ExitStack() as stack:
        folder = stack.enter_context(site.fresh_folder())
        endpoints = stack.enter_context(algorithms(fleet.services, fleet.infer_ms))
        settings = site.write_settings(folder)
        types = [type_name(number) for number in range(fleet.types)]
        runtime = stack.enter_context(site.installation(settings, *endpoints, types=types))
        root = runtime.settings.frame_extractor.output_dir
        write_old(root, fleet.waiting)
        parts = stack.enter_context(started(settings))
        arguments = [str(root), str(fleet.cameras), str(fleet.types), "1"]
        arguments += [str(_WARM_UP_SEC + seconds), "together" if fleet.together else "even"]
        writer = stack.enter_context(
            Child("cameras", ["-m", "bench.cameras", *arguments], folder, {})
        )
        writer.read_line()
        time.sleep(_WARM_UP_SEC)
        return _watched(parts, writer, runtime.db.engine)


def _watched(parts: list[Child], writer: Child, engine: Engine) -> Outcome:
    others, cpu, began, settled = Others(), _cpu(parts), time.monotonic(), _settled(engine)
    words = writer.read_line().split()
    written, last = int(words[0]), float(words[1])
    _wait(parts, engine, written)
    cpu, took, others_cores = _cpu(parts) - cpu, time.monotonic() - began, others.cores()
    if _settled(engine) != written:
        raise BenchError(f"{_settled(engine)} frames are settled, {written} were written")
    return Outcome(
        behind_sec=_number(engine, _LAST) - last,
        cores=cpu / took,
        cpu_ms=cpu * 1000 / (written - settled),
        seen_sec=_number(engine, _AGE_AT.format(moment="found_at")),
        settled_sec=_number(engine, _AGE_AT.format(moment="settled_at")),
        others_cores=others_cores,
    )


@contextmanager
def started(settings: Path) -> Iterator[list[Child]]:
    """All processes of ``easyai up``, with a worker that is ready."""
    port = free_port()
    environment = {"EASYAI_CONFIG": str(settings), "EASYAI_PORT": str(port)}
    with ExitStack() as stack:
        parts = [
            stack.enter_context(
                Child(part.name, list(part.arguments), settings.parent, environment)
            )
            for part in children(port)
        ]
        next(part for part in parts if part.name == "worker").wait_for_log(" ready.")
        yield parts


def free_port() -> int:
    """A port of loopback on which nothing listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
    return port


def _wait(parts: list[Child], engine: Engine, written: int) -> None:
    def finished() -> bool:
        time.sleep(_POLL_SEC)
        return _settled(engine) >= written

    wait_until(parts, finished, _LIMIT_SEC, "all are settled")


def _cpu(parts: list[Child]) -> float:
    return sum(child.cpu_seconds() for child in parts)


def _settled(engine: Engine) -> int:
    return int(_number(engine, _SETTLED))


def _number(engine: Engine, statement: str) -> float:
    with engine.connect() as conn:
        return float(conn.execute(text(statement), {"old": OLD}).scalar_one())
