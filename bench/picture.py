"""The picture of docs/performance.md: bars of the CPU time of a frame, as SVG."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from typing import Final

from bench import results_file
from bench.results_file import Results

_WIDTH: Final = 760
_LEFT: Final = 265  # the names of bars end here
_BAR, _GAP = 18, 6
_ROOM: Final = 330  # pixels of the longest bar
_OURS, _THEIRS, _LINE, _INK = "#2a7f62", "#b8bcc4", "#c0392b", "#24292f"


@dataclass(frozen=True)
class Bar:
    """A bar: its name, its value in ms and the words behind it."""

    name: str
    ms: float
    words: str
    colour: str = _OURS


@dataclass
class Drawing:
    """Shapes from top to bottom."""

    shapes: list[str] = field(default_factory=list)
    y: int = 10

    def heading(self, words: str) -> None:
        """A line above bars."""
        self.y += 26
        self._text(12, self.y, words, "start", bold=True)
        self.y += 12

    def bars(self, bars: list[Bar], limit_ms: float = 0.0) -> None:
        """Bars with a common scale; a dashed line at a limit, if there is one."""
        scale = _ROOM / max([bar.ms for bar in bars] + [limit_ms])
        top = self.y
        for bar in bars:
            middle = self.y + _BAR - 5
            self._text(_LEFT - 8, middle, bar.name, "end")
            width = max(1.0, bar.ms * scale)
            self.shapes.append(
                f'<rect x="{_LEFT}" y="{self.y}" width="{width:.1f}" height="{_BAR}"'
                f' fill="{bar.colour}"/>'
            )
            self._text(_LEFT + width + 6, middle, bar.words, "start")
            self.y += _BAR + _GAP
        if limit_ms:
            x = _LEFT + limit_ms * scale
            self.shapes.append(
                f'<line x1="{x:.1f}" y1="{top - 4}" x2="{x:.1f}" y2="{self.y}"'
                f' stroke="{_LINE}" stroke-dasharray="4 3"/>'
            )

    def svg(self) -> str:
        """The whole picture, on white also where the page is dark."""
        height = self.y + 12
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}"'
            f' width="{_WIDTH}" height="{height}" font-family="sans-serif" font-size="12">'
        )
        ground = f'<rect width="{_WIDTH}" height="{height}" fill="white"/>'
        return "\n".join([head, ground, *self.shapes, "</svg>"]) + "\n"

    def _text(self, x: float, y: int, words: str, anchor: str, bold: bool = False) -> None:
        weight = ' font-weight="bold"' if bold else ""
        self.shapes.append(
            f'<text x="{x:.1f}" y="{y}" text-anchor="{anchor}" fill="{_INK}"{weight}>'
            f"{escape(words)}</text>"
        )


def drawn(results: Results) -> str:
    """The picture of a run's results."""
    drawing = Drawing()
    if compared := _compared(results):
        drawing.heading("CPU a frame, servers included: easyai and one plain Celery task a frame")
        drawing.bars(compared)
    for row in results_file.rows(results, "growth"):
        limit = f"limit: {row['at_least']:g} × the first"
        drawing.heading(f"CPU a frame of a worker as {row['axis']} grow ({limit})")
        sizes = row["sizes"]
        bars = [Bar(_size(size), size["cpu_ms"], f"{size['cpu_ms']:.2f} ms") for size in sizes]
        drawing.bars(bars, sizes[0]["cpu_ms"] * row["at_least"])
    return drawing.svg()


def _compared(results: Results) -> list[Bar]:
    bars = []
    for name, ours, theirs in results_file.costs(results):
        for who, cost, colour in (("easyai", ours, _OURS), ("plain Celery", theirs, _THEIRS)):
            words = f"{cost.all_ms:.2f} ms, {cost.per_sec:,.0f} frames/s"
            bars.append(Bar(f"{name}: {who}", cost.all_ms, words, colour))
    return bars


def _size(size: dict[str, int]) -> str:
    types, services, cameras = (size[key] for key in ("types", "services_a_type", "cameras"))
    return f"{types:,} types × {services:,} services, {cameras:,} cameras"
