"""Frames per second from store to alert: easyai against plain Celery, in alternating rounds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from bench import easyai_side, plain_side, site
from bench.contest import EMBEDDED, Backend, Run
from bench.plain_side import POOLS, Pool
from bench.processes import Child
from bench.progress import Progress
from bench.report import Row, Target
from bench.rounds import Contender, alternate, compared
from bench.scale import Scale
from bench.servers import MissingError, redis_and_postgres, redis_only

_EMBEDDED = Target("frames/s, embedded ÷ one plain Celery task a frame", 5, 10)
_NOOPS = Target("frames/s, embedded ÷ Celery's no-op tasks/s on Redis", 2, 4)
_SERVERS = Target("frames/s, Redis + PostgreSQL ÷ plain Celery on the same", 4, 8)

_TRIAL_SHARE = 4  # a trial is a quarter of a round


def embedded(scale: Scale, progress: Progress) -> list[Row]:
    """The embedded default against the same job in plain Celery."""
    with algorithm() as endpoint:
        return [_against_plain(_EMBEDDED, EMBEDDED, endpoint, scale, progress)]


def on_servers(scale: Scale, progress: Progress) -> list[Row]:
    """The same job on Redis and PostgreSQL, if they are installed."""
    try:
        with redis_and_postgres() as backend, algorithm() as endpoint:
            return [_against_plain(_SERVERS, backend, endpoint, scale, progress)]
    except MissingError as error:
        return [Row(_SERVERS, not_run=str(error))]


def against_noops(scale: Scale, progress: Progress) -> list[Row]:
    """The embedded default against empty tasks, on Celery's usual broker.

    For comparison, the same empty tasks on easyai's filesystem transport.
    """
    try:
        with redis_only() as backend, algorithm() as endpoint:
            ours = easyai(EMBEDDED, endpoint, scale.frames)
            noops = _noops(backend, scale, progress)
            own_transport = _noops(EMBEDDED, scale, progress)
            alternate([ours, noops, own_transport], scale.rounds, progress)
    except MissingError as error:
        return [Row(_NOOPS, not_run=str(error))]
    words = f"over easyai's transport {own_transport.shown()}"
    return [beside(compared(_NOOPS, ours, noops), own_transport, words)]


def _against_plain(
    target: Target, backend: Backend, endpoint: str, scale: Scale, progress: Progress
) -> Row:
    """The verdict is against requests, which its users take; aiohttp is shown beside it."""
    ours = easyai(backend, endpoint, scale.frames)
    pool, plain = plain_celery(backend, endpoint, scale.tasks, progress)
    measure = partial(plain_side.measure_frames, backend, endpoint, pool, http="aiohttp")
    other = Contender(f"plain Celery with aiohttp ({pool})", backend, scale.tasks, measure)
    alternate([ours, plain, other], scale.rounds, progress)
    return beside(compared(target, ours, plain), other, f"with aiohttp {other.shown()}")


def beside(row: Row, other: Contender, words: str) -> Row:
    """The row with a further contender, which has no part in the verdict."""
    figures = row.figures | {"for_the_record": other.figures()}
    return replace(row, detail=f"{row.detail}; {words}", figures=figures)


def easyai(
    backend: Backend, endpoint: str, count: int, workers: int = 1, at_once: int = 100
) -> Contender:
    """easyai with some worker processes, which have at most `at_once` frames in flight together."""
    measure = partial(
        easyai_side.measure_frames, backend, endpoint, workers=workers, at_once=at_once
    )
    name = "easyai" if workers == 1 else f"easyai, {workers} workers"
    return Contender(name, backend, count, measure)


def plain_celery(
    backend: Backend, endpoint: str, count: int, progress: Progress
) -> tuple[Pool, Contender]:
    """Plain Celery with the faster pool on this machine, found by a short trial."""
    measure = partial(plain_side.measure_frames, backend, endpoint)
    return _best("plain Celery", backend, count, measure, progress)


def _noops(backend: Backend, scale: Scale, progress: Progress) -> Contender:
    measure = partial(plain_side.measure_noops, backend)
    return _best("no-ops", backend, scale.noops, measure, progress)[1]


def _best(
    name: str,
    backend: Backend,
    count: int,
    measure: Callable[[Pool, int], Run],
    progress: Progress,
) -> tuple[Pool, Contender]:
    trials = {
        pool: Contender(f"{name} ({pool})", backend, count // _TRIAL_SHARE, partial(measure, pool))
        for pool in POOLS
    }
    for trial in trials.values():
        trial.play(progress)
    pool = max(trials, key=lambda pool: trials[pool].rate)
    return pool, Contender(trials[pool].name, backend, count, trials[pool].measure)


@contextmanager
def algorithm() -> Iterator[str]:
    """The endpoint of an algorithm service that answers at once."""
    with algorithms(1) as (endpoint,):
        yield endpoint


@contextmanager
def algorithms(count: int, infer_ms: float = 0.0) -> Iterator[list[str]]:
    """The endpoints of algorithm services in one process; each frame takes so long."""
    arguments = ["-m", "bench.stub", str(count), str(infer_ms)]
    with site.fresh_folder() as folder, Child("stub", arguments, folder, {}) as stub:
        yield [f"http://127.0.0.1:{port}/infer" for port in stub.read_line().split()]
