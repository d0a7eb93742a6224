"""What all contenders of the throughput benchmark share: brokers, databases, the finishing line."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, text

from bench import pictures
from bench.processes import Child

LIMIT_SEC = 120.0
WARM_UP_FRAMES = 200


@dataclass(frozen=True)
class Backend:
    """Broker and database that both sides use, each with data of its own."""

    name: str
    broker_url: str  # '': files in the run's own folder
    new_database: Callable[[], str]  # the URL of an empty database; '': a file in the folder
    clear_broker: Callable[[], None]


EMBEDDED = Backend("embedded", "", lambda: "", lambda: None)


@dataclass(frozen=True)
class Run:
    """One measured run of one contender."""

    count: int
    seconds: float

    @property
    def rate(self) -> float:
        """Frames or tasks a second."""
        return self.count / self.seconds


@contextmanager
def fresh_folder() -> Iterator[Path]:
    """A folder for one run, removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="easyai-bench-") as name:
        yield Path(name)


def time_to_finish(
    worker: Child, engine: Engine, frames: Path, count: int, start: Callable[[], None]
) -> Run:
    """Seconds from the start until `count` more alerts stand and no frame is left in its place."""
    target = _alerts(engine) + count
    began = time.perf_counter()
    start()
    worker.wait_until(
        lambda: _newest(engine) >= target and _alerts(engine) >= target,
        LIMIT_SEC,
        f"{target} alerts; there are {_alerts(engine)}",
    )
    worker.wait_until(lambda: not pictures.waiting(frames), LIMIT_SEC, "every picture is moved")
    return Run(count, time.perf_counter() - began)


def _newest(engine: Engine) -> int:
    # One look at an index: counting thousands of rows all the time would slow down what we time.
    with engine.connect() as conn:
        return int(conn.execute(text("SELECT coalesce(max(id), 0) FROM alerts")).scalar_one())


def _alerts(engine: Engine) -> int:
    with engine.connect() as conn:
        return int(conn.execute(text("SELECT count(*) FROM alerts")).scalar_one())
