"""CPU of a turn per frame, with many and with few types, services and cameras."""

from __future__ import annotations

import time
from collections import deque
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench import site
from bench.processes import BenchError
from bench.progress import Progress
from bench.report import Row, Target
from bench.scale import Scale
from easyai.db import recorded_frames, task_types
from easyai.db.recorded_frames import NewFrame
from easyai.domain.verdict import CallResult, Verdict
from easyai.pipeline.answers import Answered
from easyai.pipeline.dispatched import Dispatched
from easyai.pipeline.picture_moves import CarriedOut
from easyai.pipeline.settle import Settled
from easyai.pipeline.transaction import run_transaction
from easyai.runtime import Runtime
from easyai.system.garbage import spare_loaded

_MOST_TYPES = 60
_SERVICES_A_TYPE = 50
_MOST_CAMERAS = 1_000
_FEW_CAMERAS = 8
_AT_ONCE = 200  # two batches of the default size: one answered, one in flight
_WARM_UP_ROUNDS = 1
_INFERRED = Verdict(CallResult.INFERRED, 5.0)


def turns(scale: Scale, progress: Progress) -> list[Row]:
    """Rounds of both installations in turn, so that both run under the same load."""
    target = Target(
        f"CPU a frame, {_MOST_TYPES} types × {_SERVICES_A_TYPE} services, {_MOST_CAMERAS:,} cameras"
        f" ÷ 1 type, 1 service, {_FEW_CAMERAS} cameras",
        2,
        1.3,
        lower_is_better=True,
    )
    with site.fresh_folder() as folder, ExitStack() as stack:
        with progress.step(f"turns: {_MOST_TYPES * _SERVICES_A_TYPE:,} services register"):
            many = TurnFleet(folder / "many", stack, _MOST_TYPES, _SERVICES_A_TYPE, _MOST_CAMERAS)
            few = TurnFleet(folder / "few", stack, 1, 1, _FEW_CAMERAS)
            spare_loaded()  # as a worker does: it would look through what the bench has imported
        with progress.step(f"turns: {scale.turn_rounds} rounds on either side") as step:
            for _ in range(_WARM_UP_ROUNDS + scale.turn_rounds):
                many.play(scale.turn_frames)
                few.play(scale.turn_frames)
            step.outcome = f"{many.median_us:.0f} µs a frame and {few.median_us:.0f} µs"
        return [_row(target, many, few)]


@dataclass
class TurnFleet:
    """An installation with timed turns: it calls no service, every frame is answered at once."""

    folder: Path
    stack: ExitStack
    types: int
    services_a_type: int
    cameras: int
    database_url: str = ""  # '': SQLite in the folder

    def __post_init__(self) -> None:
        settings = site.write_settings(
            self.folder, database_url=self.database_url, at_once=_AT_ONCE
        )
        self.runtime: Runtime = self.stack.enter_context(site.opened(settings))
        self.names = [f"type-{number:03d}" for number in range(self.types)]
        self._recorded = 0
        self.turns = 0
        self._rounds_us: list[float] = []
        ports = range(1024, 1024 + self.types * self.services_a_type)
        site.add_services(
            self.runtime, self.names, [f"http://127.0.0.1:{port}/infer" for port in ports]
        )

    @property
    def rounds_us(self) -> list[float]:
        """Microseconds of CPU per frame in every round after the warm-up."""
        return self._rounds_us[_WARM_UP_ROUNDS:]

    @property
    def median_us(self) -> float:
        """The median round."""
        return median(self.rounds_us)

    def play(self, frames: int) -> None:
        """Record frames, then time the turns that lease and settle them all."""
        self.record(frames)
        began = time.process_time()
        self.settle(frames)
        self._rounds_us.append((time.process_time() - began) / frames * 1e6)

    def record(self, frames: int) -> None:
        """Record new frames in the ledger."""
        numbers = range(self._recorded, self._recorded + frames)
        self._recorded += frames
        new = [self._frame(number) for number in numbers]
        now = time.time()
        with self.runtime.db.write() as conn:
            task_types.add(conn, self.names, now)
            recorded_frames.add(conn, new, now)

    def _frame(self, number: int) -> NewFrame:
        name, camera = self.names[number % self.types], f"camera-{number % self.cameras}"
        key = f"{name}/{camera}/{number:08d}.jpg"
        return NewFrame(key, name, camera, "1", float(number), None)

    def settle(self, frames: int) -> None:
        """Turns of a busy worker: it leases while the previous batch is in flight."""
        calls: deque[Dispatched] = deque([Dispatched(), Dispatched()])
        carried, left = CarriedOut(), frames
        while left:
            settled, dispatched = self._turn(calls.popleft(), carried)
            calls.append(dispatched)
            if not any(batch.frames for batch in calls) and left > settled.finished:
                raise BenchError(f"nothing was leased while {left} frames were left")
            carried = CarriedOut(done={one.frame_id: one.target for one in settled.moves})
            left -= settled.finished
        self._turn(Dispatched(), carried)

    def _turn(self, calls: Dispatched, carried: CarriedOut) -> tuple[Settled, Dispatched]:
        self.turns += 1
        answered = [
            Answered(frame, calls.endpoints[frame.service_pk], _INFERRED) for frame in calls.frames
        ]
        return run_transaction(self.runtime, answered, carried, f"turn-{self.turns}", idle=False)


def _row(target: Target, many: TurnFleet, few: TurnFleet) -> Row:
    ratios = [ours / theirs for ours, theirs in zip(many.rounds_us, few.rounds_us, strict=True)]
    return Row(
        target,
        measured=median(ratios),
        detail=f"{many.median_us:.0f} µs ÷ {few.median_us:.0f} µs",
        figures={
            "ratios": [round(ratio, 3) for ratio in ratios],
            "us_a_frame": {
                "many": [round(one, 1) for one in many.rounds_us],
                "few": [round(one, 1) for one in few.rounds_us],
            },
        },
    )
