"""The benchmark's result: a table for people, JSON for comparing runs."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.scale import Scale

RESULTS = Path(__file__).resolve().parent / "results"
_PACKAGES = ("celery", "kombu", "sqlalchemy", "aiohttp", "requests", "psycopg", "redis")
_STYLES = {"goal": "green", "fast enough": "green", "MISSED": "bold red", "not run": "yellow"}


@dataclass(frozen=True)
class Target:
    """A ratio, its required limit and its goal."""

    title: str
    at_least: float
    goal: float
    lower_is_better: bool = False

    def verdict(self, measured: float) -> str:
        """The verdict on a ratio."""
        sign = -1 if self.lower_is_better else 1
        if sign * measured >= sign * self.goal:
            return "goal"
        return "fast enough" if sign * measured >= sign * self.at_least else "MISSED"

    def shown(self, limit: float) -> str:
        """A limit with its direction."""
        return f"{'≤' if self.lower_is_better else '≥'} {limit:g}"


@dataclass(frozen=True)
class Row:
    """The result for one target."""

    target: Target
    measured: float | None = None
    detail: str = ""
    not_run: str = ""  # why not
    figures: dict[str, Any] = field(default_factory=dict)
    benchmark: str = ""  # its name, as in `--only`

    @property
    def verdict(self) -> str:
        """goal, fast enough, MISSED or not run."""
        return "not run" if self.measured is None else self.target.verdict(self.measured)

    def as_json(self) -> dict[str, Any]:
        """The content of the results file."""
        target = self.target
        measured = None if self.measured is None else round(self.measured, 3)
        return {
            "benchmark": self.benchmark,
            "title": target.title,
            "measured": measured,
            "at_least": target.at_least,
            "goal": target.goal,
            "lower_is_better": target.lower_is_better,
            "verdict": self.verdict,
            "detail": self.detail or self.not_run,
            **self.figures,
        }


def show(rows: Sequence[Row], console: Console) -> None:
    """Print the table."""
    table = Table("benchmark", title="Is it fast enough?", title_justify="left")
    for heading in ("ratio", "at least", "goal"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("medians")
    for row in rows:
        target, verdict = row.target, row.verdict
        measured = "–" if row.measured is None else f"{row.measured:.2f}"
        limits = target.shown(target.at_least), target.shown(target.goal)
        coloured = f"[{_STYLES[verdict]}]{verdict}[/]"
        table.add_row(target.title, measured, *limits, coloured, row.detail or row.not_run)
    console.print(table)


def save(rows: Sequence[Row], scale: Scale, load: float, complete: bool) -> Path:
    """Write the results; a complete full run also writes `latest.json`."""
    now = datetime.now(UTC)
    content = {
        "at": now.isoformat(timespec="seconds"),
        "scale": scale.name,
        "environment": environment() | {"load_before": round(load, 2)},
        "results": [row.as_json() for row in rows],
    }
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{now:%Y%m%d-%H%M%S}-{scale.name}.json"
    for target in (path, RESULTS / "latest.json") if complete else (path,):
        draft = target.with_suffix(".tmp")
        draft.write_text(text, encoding="utf-8")
        draft.replace(target)
    return path


def latest() -> dict[str, Any]:
    """The results of the last complete run."""
    content: dict[str, Any] = json.loads((RESULTS / "latest.json").read_text(encoding="utf-8"))
    return content


def environment() -> dict[str, Any]:
    """The conditions of the figures, without anything that identifies the machine."""
    return {
        "python": platform.python_version(),
        "implementation": sys.implementation.name,
        "system": platform.system(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "sqlite": sqlite3.sqlite_version,
        **{name: version(name) for name in _PACKAGES},
    }
