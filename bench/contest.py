"""What all contenders of the throughput benchmark share: back ends and the finishing line."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, text

from bench import pictures
from bench.processes import Child

LIMIT_SEC = 180.0
WARM_UP = 200  # frames or tasks before the measured ones


@dataclass(frozen=True)
class Backend:
    """Broker and database that both sides use, each run with data of its own."""

    name: str
    broker_url: str = ""  # '': files in the run's own folder
    new_database: Callable[[], str] = lambda: ""  # URL of an empty one; '': a file in the folder
    clear_broker: Callable[[], None] = lambda: None


EMBEDDED = Backend("embedded")


@dataclass(frozen=True)
class Run:
    """One measured run of one contender."""

    count: int
    seconds: float
    cpu_seconds: float  # of the contender's own processes

    @property
    def rate(self) -> float:
        """Frames or tasks a second."""
        return self.count / self.seconds

    @property
    def cpu_ms(self) -> float:
        """CPU time for each frame or task, in milliseconds."""
        return self.cpu_seconds * 1000 / self.count


def measure(
    own: list[Child], count: int, start: Callable[[], None], finish: Callable[[], None]
) -> Run:
    """Time from `start` until `finish` returns, and what it cost the contender's processes."""
    cpu_before = sum(child.cpu_seconds() for child in own)
    began = time.perf_counter()
    start()
    finish()
    seconds = time.perf_counter() - began
    return Run(count, seconds, sum(child.cpu_seconds() for child in own) - cpu_before)


class FinishingLine:
    """Reached when a number of further alerts stand and no frame is left in its place."""

    def __init__(self, worker: Child, engine: Engine, frames: Path, count: int) -> None:
        self._worker = worker
        self._engine = engine
        self._frames = frames
        self._target = self._ask("count(*)") + count

    def wait(self) -> None:
        """Wait for it; raises BenchError after three minutes."""
        self._worker.wait_until(self._saved, LIMIT_SEC, f"{self._target} alerts are saved")
        self._worker.wait_until(self._moved, LIMIT_SEC, "all pictures are moved")

    def _saved(self) -> bool:
        # One look at an index first: counting the rows all the time would slow down what is timed.
        return self._ask("coalesce(max(id), 0)") >= self._target and self._complete()

    def _complete(self) -> bool:
        return self._ask("count(*)") == self._target

    def _moved(self) -> bool:
        return pictures.waiting(self._frames) == 0

    def _ask(self, what: str) -> int:
        with self._engine.connect() as conn:
            return int(conn.execute(text(f"SELECT {what} FROM alerts")).scalar_one())
