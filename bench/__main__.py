"""``python -m bench``: measure, show, save; exit code 1 when a limit is missed."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import replace
from types import FrameType

import click
from rich.console import Console

from bench import benchmarks, page, report
from bench.benchmarks import BENCHMARKS
from bench.processes import BenchError
from bench.progress import Progress
from bench.report import Row
from bench.scale import FULL, QUICK

_LOG_WIDTH = 160  # of the table in a file or a pipe
EXAMPLES = """\b
Examples:
  python -m bench                      all, about thirteen minutes
  python -m bench --quick              smaller and less certain, about three minutes
  python -m bench --only scan          one of them
  python -m bench --only embedded --frames 20000 --rounds 5
  python -m bench --draw               renew docs/performance.md from bench/results/latest.json

\b
Each ratio is the median over rounds in which both sides take turns. Where the rates of a side
differ by more than 20 %, or other programs take as much of the machine, the verdict takes the
CPU time of a frame.
Exit code: 0 fine, 1 an "at least" is missed, 2 a benchmark could not be run.
"""


@click.command(epilog=EXAMPLES)
@click.option("--quick", is_flag=True, help="Smaller, fewer rounds; latest.json is left alone.")
@click.option(
    "--only",
    type=click.Choice(list(BENCHMARKS)),
    multiple=True,
    help="Run this benchmark; may be given again. latest.json is left alone.",
)
@click.option("--frames", type=click.IntRange(100, 1_000_000), help="Frames in a round of easyai.")
@click.option("--rounds", type=click.IntRange(1, 100), help="Rounds of each comparison.")
@click.option("--draw", is_flag=True, help="Measure nothing, renew docs/performance.md.")
def main(
    quick: bool, only: tuple[str, ...], frames: int | None, rounds: int | None, draw: bool
) -> None:
    """Measure how fast easyai is against plain Celery, in the same run on this machine.

    Everything runs on loopback in temporary folders. Results go to bench/results/.
    """
    if draw:
        page.write(report.latest())
        return
    _prepare()
    scale = QUICK if quick else FULL
    scale = replace(scale, frames=frames or scale.frames, rounds=rounds or scale.rounds)
    console = Console(width=None if sys.stdout.isatty() else _LOG_WIDTH)
    load = os.getloadavg()[0]
    if load > 0.5:
        console.print(f"other programs keep this machine busy (load {load:.1f}): ratios may be off")
    progress = Progress(console)
    rows: list[Row] = []
    try:
        for name in only or BENCHMARKS:
            rows += benchmarks.run(name, scale, progress)
    except BenchError as error:
        console.print(f"bench: {error}", style="red", markup=False)
        sys.exit(2)
    report.show(rows, console)
    complete = not (only or quick)
    path = report.save(rows, scale, load, complete)
    if complete:
        page.write(report.latest())
    console.print(f"{progress.seconds:.0f} s; saved as bench/results/{path.name}")
    sys.exit(1 if any(row.verdict == "MISSED" for row in rows) else 0)


def _prepare() -> None:
    # The benchmark must neither measure nor change the caller's installation.
    for name in [name for name in os.environ if name.startswith("EASYAI_")]:
        del os.environ[name]
    # Like Ctrl-C, a SIGTERM must stop the children and remove the folders.
    signal.signal(signal.SIGTERM, _end)


def _end(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    main()
