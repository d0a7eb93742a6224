"""docs/performance.md and its picture, from the results of a run."""

from __future__ import annotations

import math
from pathlib import Path
from statistics import median
from typing import Any, Final

from bench import marks, results_file
from bench.contest import EMBEDDED
from bench.picture import drawn
from bench.report import Target
from bench.results_file import SERVERS, Results

_DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE: Final = _DOCS / "performance.md"
PICTURE: Final = _DOCS / "performance.svg"
_RATES = (10, 100, 1_000, 2_000, 5_000)  # frames/s of the boxes that the page sizes
_FULL = 0.7  # a core that is busier is full: frames come in bursts
_NOT_MEASURED = "not measured in this run"


def write(results: Results) -> None:
    """Renew the page and its picture."""
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8"), results), encoding="utf-8")
    PICTURE.write_text(drawn(results), encoding="utf-8")


def renewed(text: str, results: Results) -> str:
    """The page with the figures of a run; raises ValueError without a mark."""
    parts = {
        "machine": machine(results),
        "verdicts": verdicts(results),
        "costs": costs_table(results),
        "parts": worker_parts(results),
        "growth": growth_table(results),
        "sizes": sizes_table(results),
    }
    return marks.renewed(text, parts, "python -m bench --draw")


def machine(results: Results) -> str:
    """The conditions of the run."""
    of = results["environment"]
    return (
        f"Measured on {results['at'][:10]} ({results['scale']} run): {of['cores']} cores,"
        f" {of['system']} {of['machine']}, Python {of['python']}; load before the run"
        f" {of['load_before']:.1f}."
    )


def verdicts(results: Results) -> str:
    """All rows with their limits."""
    lines = [_cells("measurement", "measured", "at least", "goal", "verdict", "figures")]
    lines.append("|---|---|---|---|---|---|")
    for row in results["results"]:
        target = Target(row["title"], row["at_least"], row["goal"], row["lower_is_better"])
        measured = "–" if row["measured"] is None else f"{row['measured']:,.2f}"
        limits = target.shown(target.at_least), target.shown(target.goal)
        lines.append(_cells(row["title"], measured, *limits, row["verdict"], row["detail"]))
    return "\n".join(lines)


def costs_table(results: Results) -> str:
    """Milliseconds of CPU for each frame, by installation and process."""
    sides = [
        (f"{name}: {who}", cost)
        for name, ours, theirs in results_file.costs(results)
        for who, cost in (("easyai", ours), ("plain Celery", theirs))
    ]
    if not sides:
        return _NOT_MEASURED
    lines = [_cells("ms of CPU a frame", *(name for name, _ in sides))]
    lines.append("|---" * (len(sides) + 1) + "|")
    lines.append(_cells("own processes", *(f"{cost.own_ms:.2f}" for _, cost in sides)))
    for server, name in SERVERS.items():
        shares = (cost.servers_ms.get(server) for _, cost in sides)
        lines.append(_cells(name, *("–" if ms is None else f"{ms:.2f}" for ms in shares)))
    lines.append(_cells("all", *(f"**{cost.all_ms:.2f}**" for _, cost in sides)))
    lines.append(_cells("frames/s", *(f"{cost.per_sec:,.0f}" for _, cost in sides)))
    return "\n".join(lines)


def worker_parts(results: Results) -> str:
    """The parts of a frame's cost in the embedded worker."""
    embedded = next((ours for _, ours, _ in results_file.costs(results)), None)
    scans, turns = (results_file.rows(results, name) for name in ("scan", "turns"))
    if embedded is None or not (scans and turns):
        return _NOT_MEASURED
    scan_ms = scans[0]["frame_cpu_us"] / 1000
    turn_ms = median(turns[0]["us_a_frame"]["few"]) / 1000
    rest_ms = embedded.own_ms - scan_ms - turn_ms
    named = {
        "the scan: find a frame, check it, record it": scan_ms,
        "turns: lease frames, settle answers": turn_ms,
        "the rest: call the service, read its answer, move the picture, messages": rest_ms,
    }
    lines = [_cells("part of the embedded worker's CPU", "ms a frame", "share"), "|---|---|---|"]
    lines += [
        _cells(part, f"{ms:.3f}", f"{ms / embedded.own_ms:.0%}") for part, ms in named.items()
    ]
    return "\n".join(lines)


def growth_table(results: Results) -> str:
    """The cost of a frame at each size."""
    axes = results_file.rows(results, "growth")
    if not axes:
        return _NOT_MEASURED
    heads = ("what grows", "types", "services a type", "cameras", "ms of CPU a frame", "÷ first")
    lines = [_cells(*heads), "|---" * len(heads) + "|"]
    for row in axes:
        first = row["sizes"][0]["cpu_ms"]
        for size in row["sizes"]:
            numbers = (f"{size[key]:,}" for key in ("types", "services_a_type", "cameras"))
            ms = size["cpu_ms"]
            lines.append(_cells(row["axis"], *numbers, f"{ms:.3f}", f"{ms / first:.2f}"))
    return "\n".join(lines)


def sizes_table(results: Results) -> str:
    """Cores and worker processes for some rates.

    The embedded default has one worker process: a second adds nothing on SQLite.
    """
    found = [(name, ours) for name, ours, _ in results_file.costs(results)]
    if not found:
        return _NOT_MEASURED
    heads = (f"{name}: {what}" for name, _ in found for what in ("cores", "worker processes"))
    lines = [_cells("frames/s", *heads), "|---" * (2 * len(found) + 1) + "|"]
    for rate in _RATES:
        cells: list[Any] = []
        for name, cost in found:
            workers = max(1, math.ceil(rate * cost.own_ms / 1000 / _FULL))
            too_much = name == EMBEDDED.name and workers > 1
            cells.append("–" if too_much else f"{rate * cost.all_ms / 1000 / _FULL:.1f}")
            cells.append("–" if too_much else workers)
        lines.append(_cells(f"{rate:,}", *cells))
    return "\n".join(lines)


def _cells(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"
