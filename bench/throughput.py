"""Frames per second from store to alert: easyai against plain Celery, in alternating rounds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
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
from bench.servers import MissingError, redis_and_postgres, redis_only

_EMBEDDED = Target("frames/s, embedded ÷ one plain Celery task a frame", 5, 10)
_NOOPS = Target("frames/s, embedded ÷ Celery's no-op tasks/s on Redis", 2, 4)
_SERVERS = Target("frames/s, Redis + PostgreSQL ÷ plain Celery on the same", 4, 8)

_TRIAL_SHARE = 4  # a trial is a quarter of a round


@dataclass
class Contender:
    """One side: its round, and the results of its rounds."""

    name: str
    backend: Backend
    count: int  # frames or tasks in a round
    measure: Callable[[int], Run]
    runs: list[Run] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Frames or tasks a second, the median of the rounds."""
        return median(run.rate for run in self.runs)

    def play(self, progress: Progress) -> None:
        """One round."""
        with progress.step(f"{self.backend.name}: {self.name}, {self.count:,}") as step:
            run = self.measure(self.count)
            step.outcome = f"{run.rate:,.0f}/s, {run.cpu_ms:.2f} ms CPU each"
        self.runs.append(run)

    def figures(self) -> dict[str, Any]:
        """The entry in the results file."""
        rates = [round(run.rate, 1) for run in self.runs]
        cpu_ms = [round(run.cpu_ms, 3) for run in self.runs]
        name = f"{self.backend.name}: {self.name}"
        return {"contender": name, "count": self.count, "per_sec": rates, "cpu_ms": cpu_ms}


def embedded(scale: Scale, progress: Progress) -> list[Row]:
    """The embedded default against the same job in plain Celery."""
    with algorithm() as endpoint:
        easyai = _easyai(EMBEDDED, endpoint, scale)
        plain = _plain(EMBEDDED, endpoint, scale, progress)
        _alternate([easyai, plain], scale, progress)
    return [_row(_EMBEDDED, easyai, plain)]


def on_servers(scale: Scale, progress: Progress) -> list[Row]:
    """The same job on Redis and PostgreSQL, if they are installed."""
    try:
        with redis_and_postgres() as backend, algorithm() as endpoint:
            easyai = _easyai(backend, endpoint, scale)
            plain = _plain(backend, endpoint, scale, progress)
            _alternate([easyai, plain], scale, progress)
    except MissingError as error:
        return [Row(_SERVERS, not_run=str(error))]
    return [_row(_SERVERS, easyai, plain)]


def against_noops(scale: Scale, progress: Progress) -> list[Row]:
    """The embedded default against empty tasks, on Celery's usual broker.

    For comparison, the same empty tasks on easyai's filesystem transport.
    """
    try:
        with redis_only() as backend, algorithm() as endpoint:
            easyai = _easyai(EMBEDDED, endpoint, scale)
            noops = _noops(backend, scale, progress)
            own_transport = _noops(EMBEDDED, scale, progress)
            _alternate([easyai, noops, own_transport], scale, progress)
    except MissingError as error:
        return [Row(_NOOPS, not_run=str(error))]
    row = _row(_NOOPS, easyai, noops)
    detail = f"{row.detail}; over easyai's transport {own_transport.rate:,.0f}/s"
    figures = row.figures | {"for_the_record": own_transport.figures()}
    return [replace(row, detail=detail, figures=figures)]


def _easyai(backend: Backend, endpoint: str, scale: Scale) -> Contender:
    measure = partial(easyai_side.measure_frames, backend, endpoint)
    return Contender("easyai", backend, scale.frames, measure)


def _plain(backend: Backend, endpoint: str, scale: Scale, progress: Progress) -> Contender:
    measure = partial(plain_side.measure_frames, backend, endpoint)
    return _best("plain Celery", backend, scale.tasks, measure, progress)


def _noops(backend: Backend, scale: Scale, progress: Progress) -> Contender:
    measure = partial(plain_side.measure_noops, backend)
    return _best("no-ops", backend, scale.noops, measure, progress)


def _best(
    name: str,
    backend: Backend,
    count: int,
    measure: Callable[[Pool, int], Run],
    progress: Progress,
) -> Contender:
    """The contender with the faster pool on this machine, found by a short trial."""
    trials = [
        Contender(f"{name} ({pool})", backend, count // _TRIAL_SHARE, partial(measure, pool))
        for pool in POOLS
    ]
    for trial in trials:
        trial.play(progress)
    best = max(trials, key=lambda trial: trial.rate)
    return Contender(best.name, backend, count, best.measure)


def _alternate(contenders: Sequence[Contender], scale: Scale, progress: Progress) -> None:
    for number in range(1, scale.rounds + 1):
        progress.say(f"round {number} of {scale.rounds}")
        for contender in contenders:
            contender.play(progress)


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
def algorithm() -> Iterator[str]:
    """The endpoint of an algorithm service that answers at once."""
    with site.fresh_folder() as folder, Child("stub", ["-m", "bench.stub"], folder, {}) as stub:
        yield f"http://127.0.0.1:{stub.read_line()}/infer"
