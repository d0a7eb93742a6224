"""``python -m bench.sizing``: the needs of a fleet of cameras, and its first bottleneck."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console

from bench.processes import BenchError
from bench.report import RESULTS, environment
from bench.sizing import page
from bench.sizing.bottlenecks import Limits, workers_needed
from bench.sizing.fleet import Fleet, Measurement, Seen
from bench.sizing.measure import BASE, CHECKS, measure
from bench.sizing.micro import micro
from bench.sizing.model import costs

SEEN = RESULTS / "sizing.json"
_DOCS = Path(__file__).resolve().parents[2] / "docs" / "scaling.md"
EXAMPLES = """\b
Examples:
  python -m bench.sizing --cameras 10000 --interval 1 --types 60 --infer-ms 100
  python -m bench.sizing measure         measure this machine anew, about six minutes
  python -m bench.sizing write           renew the figures of docs/scaling.md
"""


@click.group(invoke_without_command=True, epilog=EXAMPLES)
@click.option("--cameras", default=10_000, type=click.IntRange(1), show_default=True)
@click.option("--interval", default=1.0, show_default=True, help="Seconds between two frames.")
@click.option("--types", default=12, type=click.IntRange(1), show_default=True)
@click.option("--services", default=100, type=click.IntRange(1), show_default=True)
@click.option("--infer-ms", default=100.0, show_default=True, help="Of a service, for a frame.")
@click.option("--picture-kb", default=200.0, show_default=True)
@click.option("--workers", default=0, help="Processes; 0: as many as are needed.")
@click.option("--round-trip-ms", default=0.3, show_default=True, help="Worker to PostgreSQL.")
@click.option("--postgresql-cores", default=8, show_default=True)
@click.pass_context
def main(
    context: click.Context,
    cameras: int,
    interval: float,
    types: int,
    services: int,
    infer_ms: float,
    picture_kb: float,
    workers: int,
    round_trip_ms: float,
    postgresql_cores: int,
) -> None:
    """Print the needs of a fleet, from the measurements in bench/results/sizing.json."""
    if context.invoked_subcommand:
        return
    seen = load()
    fleet = Fleet(
        cameras=cameras,
        interval_sec=interval,
        types=types,
        workers=max(1, workers),
        services=services,
        infer_ms=infer_ms,
        picture_kb=picture_kb,
    )
    if not workers:
        fleet = replace(fleet, workers=workers_needed(costs(seen), fleet))
    limits = Limits(postgresql_cores=postgresql_cores, round_trip_ms=round_trip_ms)
    click.echo(page.fleet_page(seen, fleet, limits))


@main.command("measure")
@click.option(
    "--begun",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keeps what is measured, and goes on from there when it was interrupted.",
)
def measure_command(begun: Path | None) -> None:
    """Measure this machine: costs, and installations that the model must predict.

    In a separate network namespace (`unshare -n`, with loopback up) only its own bytes count.
    """
    for name in [name for name in os.environ if name.startswith("EASYAI_")]:
        del os.environ[name]
    console = Console()
    kept = json.loads(begun.read_text("utf-8")) if begun and begun.exists() else {}
    for name, fleet in {**BASE, **CHECKS}.items():
        if name not in kept:
            kept[name] = _measured(console, name, fleet).as_json()
            if begun:
                begun.write_text(json.dumps(kept), encoding="utf-8")
    found = {name: Measurement.of_json(row) for name, row in kept.items()}
    load_before = {"load_before": round(os.getloadavg()[0], 2)}
    base = {name: found[name] for name in BASE}
    checks = [found[name] for name in CHECKS]
    seen = Seen(environment() | load_before, micro(), base, checks)
    SEEN.write_text(json.dumps(seen.as_json(), indent=2, ensure_ascii=False) + "\n", "utf-8")
    click.echo(page.checks_table(seen))


def _measured(console: Console, name: str, fleet: Fleet) -> Measurement:
    try:
        found = measure(name, fleet)
    except BenchError as error:
        console.print(f"{error}; once more", markup=False)
        found = measure(name, fleet)
    console.print(f"{name}: {found.settled_per_sec} frames/s, {found.cores}")
    return found


@main.command("write")
def write_command() -> None:
    """Update the figures between the marks of docs/scaling.md."""
    _DOCS.write_text(page.renewed(_DOCS.read_text(encoding="utf-8"), load()), encoding="utf-8")


def load() -> Seen:
    """The latest measurements."""
    return Seen.of_json(json.loads(SEEN.read_text(encoding="utf-8")))


if __name__ == "__main__":
    main()
