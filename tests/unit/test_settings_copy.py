"""The last good settings are never lost to a file that has been emptied."""

from __future__ import annotations

from pathlib import Path

import pytest

from easyai.settings_file import keep, kept


@pytest.mark.parametrize("emptied", ["", " \n\t\n"])
def test_a_file_that_was_emptied_replaces_no_good_text(tmp_path: Path, emptied: str) -> None:
    path, copy = tmp_path / "config.toml", tmp_path / "good.toml"
    keep(copy, path, "[easyai]\nport = 1\n")
    keep(copy, path, emptied)
    assert kept(copy, path) == "[easyai]\nport = 1\n"
