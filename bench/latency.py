"""How soon the algorithm is called after a frame is in place, notified and by the scan alone.

``python -m bench.latency write FOLDER PER_SEC SECONDS`` is the writer of frames of a measurement,
``python -m bench.latency serve FILE`` its algorithm service.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Final

from bench import site
from bench.live import free_port
from bench.pictures import Camera
from bench.processes import BenchError, Child, wait_until
from bench.progress import Progress
from bench.report import Row, Target
from bench.scale import Scale
from bench.stub import Stub, complete_length
from easyai.process.supervisor_link import die_with_parent
from easyai.supervisor.children import children

_RATES: Final = (30, 300)  # frames a second
_ROUNDS: Final = 2
_WARM_UP_SEC: Final = 4
_LIMIT_SEC: Final = 30.0
_WATCH: Final = "EASYAI_FRAME_EXTRACTOR__WATCH_FOLDER"


@dataclass(frozen=True)
class Measured:
    """A measurement: milliseconds from rename to request of each frame, and CPU per frame."""

    waits_ms: list[float]
    cpu_ms: float

    @property
    def p50(self) -> float:
        """The median wait."""
        return median(self.waits_ms)

    @property
    def p99(self) -> float:
        """The wait that 1 of 100 frames exceeds."""
        return quantiles(self.waits_ms, n=100)[98]


def latency(scale: Scale, progress: Progress) -> list[Row]:
    """Measurements with the folder's events and with the scan alone, in turn."""
    rows = []
    for per_sec in _RATES:
        notified: list[Measured] = []
        scanned: list[Measured] = []
        for _ in range(_ROUNDS):
            notified.append(_one(progress, per_sec, scale.latency_sec, scan_only=False))
            scanned.append(_one(progress, per_sec, scale.latency_sec, scan_only=True))
        rows += _rows(per_sec, notified, scanned)
    return rows


def _one(progress: Progress, per_sec: int, seconds: int, *, scan_only: bool) -> Measured:
    how = "scanned" if scan_only else "notified"
    with progress.step(f"latency: {per_sec} frames/s, {how}, {seconds} s") as step:
        run = _measure(per_sec, seconds, scan_only)
        step.outcome = f"p50 {run.p50:.1f} ms, p99 {run.p99:.1f} ms, {run.cpu_ms:.2f} ms CPU"
    return run


def _rows(per_sec: int, notified: list[Measured], scanned: list[Measured]) -> list[Row]:
    what = f"ms from rename to request at {per_sec} frames/s"
    cpu = f"CPU a frame at {per_sec} frames/s, notified ÷ scanned"
    p50, p99 = (median(getattr(run, name) for run in notified) for name in ("p50", "p99"))
    by_scan = median(run.p50 for run in scanned)
    own, theirs = (median(run.cpu_ms for run in runs) for runs in (notified, scanned))
    return [
        Row(Target(f"{what}, p50", 60, 20, True), p50),
        Row(Target(f"{what}, p99", 150, 60, True), p99),
        Row(Target(f"{what}, by the 1 s scan, p50", 600, 520, True), by_scan),
        Row(Target(cpu, 1.3, 1.1, True), own / theirs, f"{own:.2f} ms ÷ {theirs:.2f} ms"),
    ]


def _measure(per_sec: int, seconds: int, scan_only: bool) -> Measured:
    with ExitStack() as stack:
        folder = stack.enter_context(site.fresh_folder())
        requests = folder / "requests"
        service = stack.enter_context(
            Child("stub", ["-m", "bench.latency", "serve", str(requests)], folder, {})
        )
        endpoint = f"http://127.0.0.1:{service.read_line()}/infer"
        settings = site.write_settings(folder)
        runtime = stack.enter_context(site.installation(settings, endpoint))
        root = runtime.settings.frame_extractor.output_dir
        port = free_port()
        environment = {"EASYAI_CONFIG": str(settings), "EASYAI_PORT": str(port)}
        environment[_WATCH] = "false" if scan_only else "true"
        parts = [
            stack.enter_context(Child(one.name, list(one.arguments), folder, environment))
            for one in children(port)
        ]
        next(part for part in parts if part.name == "worker").wait_for_log(" ready.")
        arguments = ["-m", "bench.latency", "write", str(root), str(per_sec)]
        writer = stack.enter_context(
            Child("writer", [*arguments, str(_WARM_UP_SEC + seconds)], folder, {})
        )
        began = float(writer.read_line())
        time.sleep(max(0.0, began + _WARM_UP_SEC - time.monotonic()))
        before, since = _cpu(parts), time.monotonic()
        written = {key: float(at) for key, at in json.loads(writer.read_line()).items()}
        counted = [key for key, at in written.items() if at >= since]
        wait_until(parts, lambda: len(_seen(requests)) >= len(written), _LIMIT_SEC, "all seen")
        cpu = _cpu(parts) - before
        seen = _seen(requests)
        if len(seen) != len(written) or len(dict(seen)) != len(seen):
            raise BenchError(f"{len(written)} frames were written, {len(seen)} requests came")
        at = dict(seen)
        return Measured(
            [(at[key] - written[key]) * 1000 for key in counted], cpu * 1000 / len(counted)
        )


def _seen(requests: Path) -> list[tuple[str, float]]:
    lines = requests.read_text(encoding="utf-8").splitlines() if requests.exists() else []
    return [(key, float(at)) for at, _, key in (line.partition(" ") for line in lines)]


def _cpu(parts: list[Child]) -> float:
    return sum(part.cpu_seconds() for part in parts)


class Noting(Stub):
    """The stub, which notes when the request of a frame was complete."""

    requests: Path

    def data_received(self, data: bytes) -> None:
        """Note the frame, then answer."""
        received = self._received + data
        while (length := complete_length(received)) is not None:
            body = json.loads(received[:length].partition(b"\r\n\r\n")[2])
            received = received[length:]
            with self.requests.open("a", encoding="utf-8") as file:
                file.write(f"{time.monotonic()} {body['image_path']}\n")
        super().data_received(data)


async def _serve(requests: Path) -> None:
    Noting.requests = requests
    server = await asyncio.get_running_loop().create_server(Noting, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def _write(folder: Path, per_sec: float, seconds: float) -> None:
    """Rename frames into place at random moments, as cameras do that know nothing of each other."""
    camera, draw = Camera(folder), random.Random(1)
    written: dict[str, float] = {}
    began = due = time.monotonic()
    print(began, flush=True)
    while due < began + seconds:
        time.sleep(max(0.0, due - time.monotonic()))
        (key,) = camera.write(1)
        written[key] = time.monotonic()
        due += draw.expovariate(per_sec)
    print(json.dumps(written, ensure_ascii=False), flush=True)
    time.sleep(3600)  # until it is killed, because its exit would count as a failure


if __name__ == "__main__":
    die_with_parent()
    if sys.argv[1] == "serve":
        asyncio.run(_serve(Path(sys.argv[2])))
    else:
        _write(Path(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4]))
