"""Markdown that reads well in a terminal and in a mail, even with Chinese in its tables."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

from easyai.messages.wording import plain


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table with aligned columns; a wide character takes two columns."""
    cells = [[_cell(value) for value in row] for row in (head, *rows)]
    widths = [max(3, *(width(row[column]) for row in cells)) for column in range(len(head))]
    lines = [_row(row, widths) for row in cells]
    return [lines[0], "|" + "|".join("-" * (wide + 2) for wide in widths) + "|", *lines[1:]]


def command(text: str, indent: str = "") -> list[str]:
    """A block to copy."""
    lines = (indent + plain(line) for line in text.split("\n"))
    return [f"{indent}```bash", *lines, f"{indent}```"]


def width(text: str) -> int:
    """Columns that a text takes in a terminal."""
    return sum(
        2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
        if not unicodedata.combining(character)
    )


def _cell(value: str) -> str:
    return plain(value).replace("|", "\\|") or "-"


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [cell + " " * (wide - width(cell)) for cell, wide in zip(cells, widths, strict=True)]
    return f"| {' | '.join(padded)} |"
