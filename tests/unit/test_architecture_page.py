"""The page of the architecture names existing files, and symbols that these files have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
_FOLDERS = (ROOT, ROOT / "easyai", ROOT / "easyai" / "messages")
_PATH = re.compile(r"`([\w./*-]+(?:\.(?:py|toml|md|po)|/))`")
_SYMBOL = re.compile(r"`(\w+)(?:\(\w*\))?`")
# Files of an operator or a translator, and folders of the store.
_ELSEWHERE = {"celeryconfig.py", "locale/de/LC_MESSAGES/easyai.po", "alerts/", "failed/"}


def _sections() -> Iterator[tuple[list[str], str]]:
    """The packages that a section's heading names, and the text of the section."""
    for section in re.split(r"^##+ ", _PAGE, flags=re.MULTILINE):
        heading = section.partition("\n")[0]
        yield re.findall(r"\w+", heading), section


def _found(path: str, packages: list[str]) -> list[Path]:
    """The files or folders that a name on the page means."""
    folders = (*_FOLDERS, *(ROOT / "easyai" / package for package in packages))
    found = [match for folder in folders for match in folder.glob(path.rstrip("/"))]
    if not found and "/" not in path:  # "beside" a file that was named before
        found = [*(ROOT / "easyai").rglob(path), *(ROOT / "tests").rglob(path)]
    return found


def _rows() -> list[str]:
    table = _PAGE.partition("## Where to change what")[2].partition("\n## ")[0]
    return [line for line in table.splitlines() if line.startswith("| a")]


def test_every_file_that_the_page_names_exists() -> None:
    named = [(path, packages) for packages, text in _sections() for path in _PATH.findall(text)]
    assert len(named) > 200
    missing = [
        path for path, packages in named if path not in _ELSEWHERE and not _found(path, packages)
    ]
    assert not missing


@pytest.mark.parametrize("row", _rows(), ids=lambda row: row.split("**")[1])
def test_every_symbol_of_a_change_is_in_a_file_that_its_row_names(row: str) -> None:
    named = [match for path in _PATH.findall(row) for match in _found(path, [])]
    texts = [file.read_text(encoding="utf-8") for file in named if file.suffix == ".py"]
    texts += [file.read_text(encoding="utf-8") for place in named for file in place.glob("*.py")]
    missing = [
        symbol
        for symbol in _SYMBOL.findall(row)
        if not any(re.search(rf"\b{symbol}\b", text) for text in texts)
    ]
    assert not missing
