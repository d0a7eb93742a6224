"""CPU a frame of a worker process, as types, services and cameras grow."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

from bench import contest, easyai_side, site
from bench.contest import EMBEDDED, Run
from bench.pictures import Camera, type_name
from bench.processes import Child
from bench.progress import Progress
from bench.report import Row, Target
from bench.scale import Scale
from bench.throughput import algorithm


@dataclass(frozen=True)
class Size:
    """The size of an installation."""

    types: int
    services_a_type: int
    cameras: int

    def __str__(self) -> str:
        many = f"{self.types:,} types × {self.services_a_type:,} services"
        return f"{many}, {self.cameras:,} cameras"


_LEAST: Final = Size(1, 1, 10)
#: Each number grows alone; then all are at their largest.
GRID: Final = {
    "types": [Size(types, 1, 1_000) for types in (1, 12, 60, 200)],
    "services a type": [Size(12, services, 1_000) for services in (1, 10, 50)],
    "cameras": [Size(12, 1, cameras) for cameras in (10, 100, 1_000, 10_000)],
    "types, services and cameras": [_LEAST, Size(60, 50, 1_000), Size(200, 50, 10_000)],
}
_LIMIT, _GOAL = 1.5, 1.3
_FRAMES = 1_000  # that a scan finds: those of a thousand cameras in a second


@dataclass
class Sized:
    """An installation with one worker process, and the CPU time of its rounds."""

    size: Size
    worker: Child
    side: easyai_side.EasyaiSide
    runs: list[Run] = field(default_factory=list)

    @property
    def cpu_ms(self) -> float:
        """CPU time for each frame, the median of the rounds."""
        return median(run.cpu_ms for run in self.runs)


def growth(scale: Scale, progress: Progress) -> list[Row]:
    """All installations at the same time, in rounds in which they take turns."""
    sizes = list(dict.fromkeys(size for axis in GRID.values() for size in axis))
    with site.fresh_folder() as folder, algorithm() as endpoint, ExitStack() as stack:
        with progress.step(f"growth: {len(sizes)} installations start"):
            sized = [
                _sized(folder / str(number), size, endpoint, stack)
                for number, size in enumerate(sizes)
            ]
            easyai_side.wait_until_ready([each.worker for each in sized])
            for each in sized:
                each.side.infer(contest.WARM_UP)
        for number in range(1, scale.growth_rounds + 1):
            with progress.step(f"growth: round {number} of {scale.growth_rounds}") as step:
                for each in sized:
                    each.runs.append(each.side.infer(_FRAMES))
                step.outcome = ", ".join(f"{each.runs[-1].cpu_ms:.2f}" for each in sized) + " ms"
    return growth_rows({each.size: each.cpu_ms for each in sized})


def growth_rows(cpu_ms: dict[Size, float]) -> list[Row]:
    """The costliest size of each axis against its first size."""
    return [_row(axis, {size: cpu_ms[size] for size in sizes}) for axis, sizes in GRID.items()]


def _row(axis: str, cpu_ms: dict[Size, float]) -> Row:
    first, costliest = next(iter(cpu_ms)), max(cpu_ms, key=lambda size: cpu_ms[size])
    title = f"CPU a frame as {axis} grow: the costliest of {len(cpu_ms)} sizes ÷ {first}"
    return Row(
        Target(title, _LIMIT, _GOAL, lower_is_better=True),
        measured=cpu_ms[costliest] / cpu_ms[first],
        detail=f"{cpu_ms[costliest]:.2f} ms at {costliest} ÷ {cpu_ms[first]:.2f} ms,"
        f" {_FRAMES:,} frames a scan",
        figures={
            "axis": axis,
            "sizes": [asdict(size) | {"cpu_ms": round(ms, 4)} for size, ms in cpu_ms.items()],
        },
    )


def _sized(folder: Path, size: Size, endpoint: str, stack: ExitStack) -> Sized:
    settings = site.write_settings(folder)
    runtime = stack.enter_context(site.opened(settings))
    types = [type_name(number) for number in range(size.types)]
    # Paths of a single address: connections are no part of what grows.
    endpoints = [f"{endpoint}/{number}" for number in range(size.types * size.services_a_type)]
    site.add_services(runtime, types, endpoints)
    frames = runtime.settings.frame_extractor.output_dir
    camera = Camera(frames, size.cameras, size.types)
    # Of months ago: otherwise the first alert of each camera would make its folder.
    Camera(frames / runtime.settings.ai_analysis.alert_base_path, size.cameras, size.types)
    own = stack.enter_context(easyai_side.worker(settings))
    return Sized(size, own, easyai_side.EasyaiSide(runtime, [own], camera, EMBEDDED))
