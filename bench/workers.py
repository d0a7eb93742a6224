"""Several workers on one PostgreSQL: what a further worker adds, and what it costs."""

from __future__ import annotations

from statistics import median

from bench.progress import Progress
from bench.report import Row, Target
from bench.rounds import Contender, alternate, noise_of
from bench.scale import Scale
from bench.servers import MissingError, redis_and_postgres
from bench.throughput import algorithm, easyai

_WORKERS = (1, 2, 4)
# `max_concurrent_infer` for every number of workers. With the default of 100, a batch of the first
# worker takes all places, and it keeps them: the other workers would stand idle.
_AT_ONCE = 100 * max(_WORKERS)
_DATABASE = "postgresql"
_CPU = Target(
    "CPU a frame, 4 workers ÷ 1: the larger ratio of all processes and of PostgreSQL alone",
    1.25,
    1.1,
    lower_is_better=True,
)
_RATE = Target("frames/s of 2 workers on PostgreSQL ÷ of 1 worker", 1.0, 1.5)


def workers(scale: Scale, progress: Progress) -> list[Row]:
    """1, 2 and 4 workers in turn.

    They share the machine with Redis, PostgreSQL and the algorithm, so on few cores rates cannot
    add up. A flat CPU time means that workers on machines of their own would.
    """
    try:
        with redis_and_postgres() as backend, algorithm() as endpoint:
            sides = {
                number: easyai(backend, endpoint, scale.frames, number, _AT_ONCE)
                for number in _WORKERS
            }
            alternate(list(sides.values()), scale.rounds, progress)
    except MissingError as error:
        return [Row(_CPU, not_run=str(error)), Row(_RATE, not_run=str(error))]
    return [_cpu_row(sides), _rate_row(sides)]


def _cpu_row(sides: dict[int, Contender]) -> Row:
    pairs = list(zip(sides[1].runs, sides[4].runs, strict=True))
    every = [many.all_cpu_ms / single.all_cpu_ms for single, many in pairs]
    database = [many.server_cpu_ms(_DATABASE) / one.server_cpu_ms(_DATABASE) for one, many in pairs]
    each = " / ".join(f"{side.cpu_ms:.2f}" for side in sides.values())
    medians = (median(run.server_cpu_ms(_DATABASE) for run in side.runs) for side in sides.values())
    own = " / ".join(f"{ms:.2f}" for ms in medians)
    return Row(
        _CPU,
        measured=max(median(every), median(database)),
        detail=f"1 / 2 / 4 workers: {each} ms, of that PostgreSQL {own} ms",
        figures={
            "ratios": [round(ratio, 3) for ratio in every],
            "database_ratios": [round(ratio, 3) for ratio in database],
            "contenders": [side.figures() for side in sides.values()],
        },
    )


def _rate_row(sides: dict[int, Contender]) -> Row:
    rates = "1 / 2 / 4 workers: " + " / ".join(f"{side.rate:,.0f}/s" for side in sides.values())
    if noise := noise_of([sides[1], sides[2]]):  # CPU time cannot answer whether rates add up
        return Row(_RATE, not_run=f"{noise}; {rates}")
    pairs = zip(sides[1].runs, sides[2].runs, strict=True)
    return Row(_RATE, measured=median(two.rate / one.rate for one, two in pairs), detail=rates)
