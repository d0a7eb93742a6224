"""docs/reliability.md is written by two runs: the faults own the page, the soak one section."""

from __future__ import annotations

from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
SOAK = "## Everything on, for long\n"


def soak_section(page: Path) -> str:
    """The section that the last soak wrote; '' when none has."""
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    return SOAK + text.partition(SOAK)[2] if SOAK in text else ""


def put_soak_section(page: Path, section: str) -> None:
    """Put the section, which begins with its title, at the end of the page."""
    before = page.read_text(encoding="utf-8").partition(SOAK)[0].rstrip("\n")
    page.write_text(f"{before}\n\n{section}", encoding="utf-8")
