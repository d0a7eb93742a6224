"""Frames a second from store to alert: easyai against plain Celery, in alternating rounds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from typing import Any

from bench import easyai_side, plain_side, site
from bench.contest import EMBEDDED, Backend, Run
from bench.plain_side import POOLS, Pool
from bench.processes import Child
from bench.progress import Progress
from bench.report import Row, Target
from bench.scale import Scale
from bench.servers import ServiceMissingError, servers

_EMBEDDED = Target("frames/s, embedded ÷ one plain Celery task a frame", 5, 10)
_NOOPS = Target("frames/s, embedded ÷ Celery's no-op tasks/s", 2, 4)
_SERVERS = Target("frames/s, Redis + PostgreSQL ÷ plain Celery on the same", 4, 8)

_TRIAL_SHARE = 4  # a trial is a quarter of a round


@dataclass
class Contender:
    """One side: what a round of it is, and what its rounds gave."""

    name: str
    count: int  # frames or tasks in a round
    measure: Callable[[int], Run]
    runs: list[Run] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Frames or tasks a second, the median of the rounds."""
        return median(run.rate for run in self.runs)

    def play(self, backend: Backend, progress: Progress) -> None:
        """One round."""
        with progress.step(f"{backend.name}: {self.name}, {self.count:,}") as step:
            run = self.measure(self.count)
            step.outcome = f"{run.rate:,.0f}/s, {run.cpu_ms:.2f} ms CPU each"
        self.runs.append(run)

    def figures(self) -> dict[str, Any]:
        """What goes into the results file."""
        rates = [round(run.rate, 1) for run in self.runs]
        cpu_ms = [round(run.cpu_ms, 3) for run in self.runs]
        return {"contender": self.name, "count": self.count, "per_sec": rates, "cpu_ms": cpu_ms}


def embedded(scale: Scale, progress: Progress) -> list[Row]:
    """The embedded default against the same job in plain Celery, and against no-ops."""
    with _algorithm() as endpoint:
        easyai = _easyai(EMBEDDED, endpoint, scale)
        plain = _plain(EMBEDDED, endpoint, scale, progress)
        noops = _noops(EMBEDDED, scale, progress)
        _alternate([easyai, plain, noops], EMBEDDED, scale, progress)
    return [_row(_EMBEDDED, easyai, plain), _row(_NOOPS, easyai, noops)]


def on_servers(scale: Scale, progress: Progress) -> list[Row]:
    """The same job on Redis and PostgreSQL, where they are installed."""
    try:
        with servers() as backend, _algorithm() as endpoint:
            easyai = _easyai(backend, endpoint, scale)
            plain = _plain(backend, endpoint, scale, progress)
            _alternate([easyai, plain], backend, scale, progress)
    except ServiceMissingError as error:
        return [Row(_SERVERS, not_run=str(error))]
    return [_row(_SERVERS, easyai, plain)]


def _easyai(backend: Backend, endpoint: str, scale: Scale) -> Contender:
    measure = partial(easyai_side.measure_frames, backend, endpoint)
    return Contender("easyai", scale.frames, measure)


def _plain(backend: Backend, endpoint: str, scale: Scale, progress: Progress) -> Contender:
    measure = partial(plain_side.measure_frames, backend, endpoint)
    return _best("plain Celery", scale.tasks, measure, backend, progress)


def _noops(backend: Backend, scale: Scale, progress: Progress) -> Contender:
    measure = partial(plain_side.measure_noops, backend)
    return _best("no-ops", scale.noops, measure, backend, progress)


def _best(
    name: str,
    count: int,
    measure: Callable[[Pool, int], Run],
    backend: Backend,
    progress: Progress,
) -> Contender:
    """The contender with the pool that is faster on this machine, found by a short trial."""
    trials = [
        Contender(f"{name} ({pool})", count // _TRIAL_SHARE, partial(measure, pool))
        for pool in POOLS
    ]
    for trial in trials:
        trial.play(backend, progress)
    best = max(trials, key=lambda trial: trial.rate)
    return Contender(best.name, count, best.measure)


def _alternate(
    contenders: Sequence[Contender], backend: Backend, scale: Scale, progress: Progress
) -> None:
    for number in range(1, scale.rounds + 1):
        progress.say(f"{backend.name}: round {number} of {scale.rounds}")
        for contender in contenders:
            contender.play(backend, progress)


def _row(target: Target, easyai: Contender, other: Contender) -> Row:
    ratios = [ours.rate / theirs.rate for ours, theirs in zip(easyai.runs, other.runs, strict=True)]
    return Row(
        target,
        measured=median(ratios),
        detail=f"{easyai.rate:,.0f}/s ÷ {other.rate:,.0f}/s, {other.name}",
        figures={
            "ratios": [round(ratio, 3) for ratio in ratios],
            "contenders": [easyai.figures(), other.figures()],
        },
    )


@contextmanager
def _algorithm() -> Iterator[str]:
    """The endpoint of an algorithm service that answers at once."""
    with site.fresh_folder() as folder, Child("stub", ["-m", "bench.stub"], folder, {}) as stub:
        yield f"http://127.0.0.1:{stub.read_line()}/infer"
