"""The current step of the benchmark, and the duration of each step."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import Progress as Bars
from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn


@dataclass
class Step:
    """One step; `outcome` is shown at its end."""

    outcome: str = ""


class Progress:
    """One line for each finished step; on a terminal also the running step."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since the benchmark began."""
        return time.monotonic() - self._began

    def say(self, text: str) -> None:
        """A line of its own."""
        self._console.print(
            f"[dim]{self.seconds:4.0f} s[/]  {text}", highlight=False, soft_wrap=True
        )

    @contextmanager
    def step(self, what: str) -> Iterator[Step]:
        """A step that takes a while."""
        step = Step()
        began = time.monotonic()
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Bars(
            *columns, console=self._console, transient=True, disable=not self._console.is_terminal
        ) as bars:
            bars.add_task(what, total=None)
            yield step
        outcome = f": {step.outcome}" if step.outcome else ""
        self.say(f"{what}{outcome} [dim](took {time.monotonic() - began:.1f} s)[/]")
