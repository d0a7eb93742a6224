"""Back ends and finishing line, shared by all contenders of the throughput benchmark."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Engine, text

from bench.bucket import Bucket
from bench.others import Others
from bench.pictures import Place
from bench.processes import BenchError, Child, session_cpu_seconds, wait_until

LIMIT_SEC = 180.0
WARM_UP = 200  # frames or tasks before the measured ones


@dataclass(frozen=True)
class Backend:
    """Broker and database of both sides; each run has its own data."""

    name: str
    broker_url: str = ""  # '': files in the run's own folder
    new_database: Callable[[], str] = lambda: ""  # of an empty database; '': a file in the folder
    clear_broker: Callable[[], None] = lambda: None
    new_bucket: Callable[[], Bucket] | None = None  # None: pictures lie in the run's own folder
    servers: Mapping[str, int] = field(default_factory=dict)  # their process ids, by name


EMBEDDED = Backend("embedded")


@dataclass(frozen=True)
class Run:
    """One measured run of one contender."""

    count: int
    seconds: float
    cpu_seconds: float  # of the contender's own processes
    server_cpu_seconds: Mapping[str, float] = field(default_factory=dict)  # by server
    others_cores: float = 0.0  # that programs beside the bench took

    @property
    def rate(self) -> float:
        """Frames or tasks a second."""
        return self.count / self.seconds

    @property
    def cpu_ms(self) -> float:
        """CPU time for each frame or task, in milliseconds."""
        return self.cpu_seconds * 1000 / self.count

    @property
    def all_cpu_ms(self) -> float:
        """The same, including the servers."""
        return self.cpu_ms + sum(map(self.server_cpu_ms, self.server_cpu_seconds))

    def server_cpu_ms(self, server: str) -> float:
        """CPU time of a server for each frame or task, in milliseconds."""
        return self.server_cpu_seconds[server] * 1000 / self.count


def measure(
    own: Sequence[Child],
    servers: Mapping[str, int],
    count: int,
    start: Callable[[], None],
    finished: Callable[[], bool],
) -> Run:
    """Time from `start` until `finished`, and the CPU time of own processes and of the servers.

    Raises BenchError when a process fails, and after three minutes.
    """
    others, cpu_before, servers_before = Others(), _cpu(own), _server_cpu(servers)
    began = time.perf_counter()
    start()
    wait_until(own, finished, LIMIT_SEC, f"all {count:,} are done")
    seconds = time.perf_counter() - began
    used = {name: cpu - servers_before[name] for name, cpu in _server_cpu(servers).items()}
    return Run(count, seconds, _cpu(own) - cpu_before, used, others.cores())


def _cpu(own: Sequence[Child]) -> float:
    return sum(child.cpu_seconds() for child in own)


def _server_cpu(servers: Mapping[str, int]) -> dict[str, float]:
    return {name: session_cpu_seconds(pid) for name, pid in servers.items()}


class FinishingLine:
    """Reached when a number of further alerts is saved and no frame is left at its key."""

    def __init__(self, engine: Engine, place: Place, count: int) -> None:
        self._engine = engine
        self._place = place
        self._target = self._ask("count(*)") + count
        self._saved = False

    def crossed(self) -> bool:
        """Return whether all frames are done; raises BenchError when there are too many alerts."""
        # Check an index first: counting the rows each time would slow down the measured work.
        if not self._saved and self._ask("coalesce(max(id), 0)") >= self._target:
            self._saved = self._all_saved()
        return self._saved and self._place.waiting() == 0

    def _all_saved(self) -> bool:
        saved = self._ask("count(*)")
        if saved > self._target:
            raise BenchError(f"{saved} alerts for {self._target} frames")
        return saved == self._target

    def _ask(self, what: str) -> int:
        with self._engine.connect() as conn:
            return int(conn.execute(text(f"SELECT {what} FROM alerts")).scalar_one())
