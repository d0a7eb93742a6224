"""Shows the progress of the demo: a bar on a terminal, occasional lines elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

_LINE_EVERY_SEC = 2.0


class Show(Protocol):
    """Takes numbers of frames: written, settled, and expected in all."""

    def __call__(self, written: int, settled: int, total: int) -> None:
        """Show them."""


@contextmanager
def progress(console: Console) -> Iterator[Show]:
    """The callback for each change."""
    if console.is_terminal:
        with _bars(console) as bars:
            yield bars
    else:
        yield _Lines(console)


@contextmanager
def _bars(console: Console) -> Iterator[Show]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as bars:
        written_bar, settled_bar = bars.add_task("written"), bars.add_task("settled")

        def show(written: int, settled: int, total: int) -> None:
            bars.update(written_bar, completed=written, total=total)
            bars.update(settled_bar, completed=settled, total=total)

        yield show


class _Lines:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown_at = float("-inf")

    def __call__(self, written: int, settled: int, total: int) -> None:
        now = time.monotonic()
        if settled < total and now - self._shown_at < _LINE_EVERY_SEC:
            return
        self._shown_at = now
        self._console.print(f"frames: {written} of {total} written, {settled} settled")
