"""The samples of docs/services.md, to be run as they stand there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
_TEXT = (ROOT / "docs" / "services.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """Every block of a language, in order."""
    return [str(found) for found in re.findall(rf"```{language}\n(.*?)```", _TEXT, re.DOTALL)]


def block(language: str, word: str) -> str:
    """The only block of a language that holds ``word``."""
    (found,) = (block for block in blocks(language) if word in block)
    return found
