"""Three runs write docs/reliability.md: the faults own the page, the others a section each."""

from __future__ import annotations

from pathlib import Path
from typing import Final

PAGE: Final = Path(__file__).parents[2] / "docs" / "reliability.md"
PRODUCTION: Final = "## Servers that fail over, and many machines\n"
SOAK: Final = "## Everything on, for long\n"
#: The sections that others write, in the order of the page.
_SECTIONS: Final = (PRODUCTION, SOAK)


def sections_of_others(page: Path) -> str:
    """The sections that the other runs wrote last, in order; '' when there are none."""
    return "\n".join(text for title in _SECTIONS if (text := section(page, title)))


def section(page: Path, title: str) -> str:
    """A section with its title; '' when it was never written."""
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    if title not in text:
        return ""
    return title + text.partition(title)[2].partition("\n## ")[0].rstrip("\n") + "\n"


def put_section(page: Path, title: str, text: str) -> None:
    """Write a section, `text` with its title, anew; the rest of the page stays."""
    before = page.read_text(encoding="utf-8")
    for heading in _SECTIONS:
        before = before.partition(heading)[0]
    texts = [text if heading == title else section(page, heading) for heading in _SECTIONS]
    page.write_text("\n".join([before.rstrip("\n") + "\n", *filter(None, texts)]), encoding="utf-8")


_STEPS_SEC: Final = (1, 2, 3, 5, 7, 10, 15, 20, 25, 30, 45, 60, 90, 120)


def rounded_up(seconds: float | None) -> str:
    """A time of the page: it changes little from run to run."""
    if seconds is None:
        return ""
    step = next((step for step in _STEPS_SEC if seconds <= step), None)
    return f"≤ {step} s" if step else f"{seconds:.0f} s"
