"""What the dashboard's pages cost the database: ``python -m bench.pages``.

Every read of every page at 1,000,000 frames and 100,000 alerts, and the ticks of the live state.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from statistics import median
from typing import Final

import click
from rich.console import Console
from rich.table import Table

from bench import site
from bench.pages_ledger import LedgerSize, fill
from bench.pages_live import live_ticks
from bench.pages_meter import Cost, DatabaseMeter, PageServer
from bench.pages_reads import PREVIEWS, reads
from bench.progress import Progress
from bench.report import Row, Target
from bench.scale import Scale
from bench.servers import postgres_only
from easyai.runtime import Runtime

#: Milliseconds of the database's CPU time that a page may take, and those of a tick.
MOST_MS: Final = 20.0
LIVE: Final = "Live state"
DASHBOARD: Final = "/api/v1/dashboard"
_LOG_WIDTH: Final = 120
_TICKS: Final = 60
_SERIES: Final = 3  # of ticks: other programs disturb the longest tick


@dataclass
class Measured:
    """What a read, or a tick of the live state, has cost each time."""

    page: str
    part: str  # of the page, which makes a single read of each part when it opens
    name: str
    costs: list[Cost] = field(default_factory=list)

    @property
    def best(self) -> Cost:
        """The least: what other programs have disturbed least."""
        return Cost(min(c.database for c in self.costs), min(c.whole for c in self.costs))

    @property
    def median(self) -> Cost:
        """The medians."""
        return Cost(median(c.database for c in self.costs), median(c.whole for c in self.costs))

    @property
    def verdict(self) -> str:
        """Whether the goal is met: by the database, and by the whole of a tick."""
        if self.page == PREVIEWS:
            return ""
        ms = _whole_ms(self) if self.page == LIVE else _database_ms(self)
        return "OVER" if ms > MOST_MS else "ok"


def measure(runtime: Runtime, rounds: int, ticks: int) -> list[Measured]:
    """The cost of every read, in rounds after a first round that is not counted, and of ticks."""
    wanted = reads(runtime)
    found = [Measured(read.page, read.part, read.name) for read in wanted]
    meter = DatabaseMeter(runtime.db)
    gc.freeze()  # as the supervisor does before it forks the API
    with PageServer(runtime) as server:
        for number in range(rounds + 1):
            for read, measured in zip(wanted, found, strict=True):
                meter.reset()
                server.call(read.method, f"{DASHBOARD}{read.path}", read.given)
                if number:
                    measured.costs.append(meter.cost())
    return [*found, *_live(runtime, meter, ticks)]


def _live(runtime: Runtime, meter: DatabaseMeter, ticks: int) -> Iterator[Measured]:
    """The mean tick and the longest tick of some series."""
    for alerts in (0, 1000):
        series = [live_ticks(runtime, meter, ticks, alerts) for _ in range(_SERIES)]
        means = [
            Cost(*(sum(part) / ticks for part in zip(*costs, strict=True))) for costs in series
        ]
        longest = [max(costs, key=lambda cost: cost.whole) for costs in series]
        for part, costs in (("mean tick", means), ("longest tick", longest)):
            yield Measured(LIVE, part, f"{alerts:,} alerts a minute", costs)


def whole_pages(found: Sequence[Measured]) -> dict[str, Measured]:
    """The sum of the parts of each page, each part with the dearest of its reads."""
    dearest: dict[str, dict[str, Measured]] = {}
    for row in found:
        own = dearest.setdefault(row.page, {})
        if row.part not in own or own[row.part].best.database < row.best.database:
            own[row.part] = row
    return {
        page: Measured(page, "whole page", " + ".join(parts), _added(list(parts.values())))
        for page, parts in dearest.items()
        if not page.startswith("(") and page != LIVE and len(parts) > 1
    }


def _added(rows: Sequence[Measured]) -> list[Cost]:
    best, middle = [row.best for row in rows], [row.median for row in rows]
    return [Cost(*map(sum, zip(*costs, strict=True))) for costs in (best, middle, middle)]


def show(found: Sequence[Measured], console: Console) -> None:
    """Print the table."""
    table = Table("page", "part", "read", title=f"Milliseconds of CPU (goal: {MOST_MS:g})")
    for heading in ("database", "median", "whole", "median"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict")
    for row in found:
        best, middle = row.best, row.median
        figures = (best.database, middle.database, best.whole, middle.whole)
        table.add_row(row.page, row.part, row.name, *(f"{ms:.1f}" for ms in figures), row.verdict)
    console.print(table)


def pages(scale: Scale, progress: Progress) -> list[Row]:
    """The dearest read and the dearest whole page on SQLite, and the longest tick."""
    size = LedgerSize(scale.settled_rows, scale.alert_files)
    with site.fresh_folder() as folder, site.opened(site.write_settings(folder)) as runtime:
        found = _measured(runtime, size, scale.rounds, _TICKS, progress)
    judged = [row for row in found if row.page not in (PREVIEWS, LIVE)]
    sums = list(whole_pages(found).values())
    ticks = [row for row in found if row.page == LIVE]
    return [
        _row("ms of database, the dearest read of a page", max(judged, key=_database_ms), size),
        _row("ms of database, the dearest whole page", max(sums, key=_database_ms), size),
        _row("ms of the longest tick of the live state", max(ticks, key=_whole_ms), size),
    ]


def _row(title: str, row: Measured, size: LedgerSize) -> Row:
    target = Target(
        f"{title}, {size.frames:,} frames and {size.alerts:,} alerts",
        MOST_MS,
        MOST_MS,
        lower_is_better=True,
    )
    ms = _whole_ms(row) if row.page == LIVE else _database_ms(row)
    return Row(target, ms, f"CPU, {row.page}: {row.part}, {row.name}")


def _database_ms(row: Measured) -> float:
    return row.best.database


def _whole_ms(row: Measured) -> float:
    return row.best.whole


def _measured(
    runtime: Runtime, size: LedgerSize, rounds: int, ticks: int, progress: Progress
) -> list[Measured]:
    with progress.step(f"pages: {size.frames:,} frames, {size.alerts:,} alerts"):
        fill(runtime, size)
    with progress.step(f"pages: {rounds} rounds, {_SERIES} series of {ticks} ticks"):
        return measure(runtime, rounds, ticks)


@click.command()
@click.option("--postgres", is_flag=True, help="On PostgreSQL, instead of SQLite.")
@click.option("--frames", default=LedgerSize.frames, type=click.IntRange(1000), show_default=True)
@click.option("--alerts", default=LedgerSize.alerts, type=click.IntRange(1000), show_default=True)
@click.option("--rounds", default=7, type=click.IntRange(1), show_default=True)
@click.option("--ticks", default=_TICKS, type=click.IntRange(1), show_default=True)
def main(postgres: bool, frames: int, alerts: int, rounds: int, ticks: int) -> None:
    """Print what each read of each page takes; exit code 1 where the median is over the goal."""
    console = Console(width=None if sys.stdout.isatty() else _LOG_WIDTH)
    progress = Progress(console)
    size = LedgerSize(frames=frames, alerts=alerts)
    with ExitStack() as stack:
        folder = stack.enter_context(site.fresh_folder())
        url = stack.enter_context(postgres_only()).create_database() if postgres else ""
        settings = site.write_settings(folder, database_url=url)
        runtime = stack.enter_context(site.opened(settings))
        found = _measured(runtime, size, rounds, ticks, progress)
    found += whole_pages(found).values()
    show(found, console)
    sys.exit(1 if any(row.verdict == "OVER" for row in found) else 0)


if __name__ == "__main__":
    main()
