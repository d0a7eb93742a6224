"""The last good settings are never lost to a file that has been emptied."""

from __future__ import annotations

from pathlib import Path

import pytest

from easyai.settings import load_in_part
from easyai.settings_file import COPY_NAME, keep, kept


@pytest.mark.parametrize("emptied", ["", " \n\t\n"])
def test_a_file_that_was_emptied_replaces_no_good_text(tmp_path: Path, emptied: str) -> None:
    path, copy = tmp_path / "config.toml", tmp_path / "good.toml"
    keep(copy, path, "[easyai]\nport = 1\n")
    keep(copy, path, emptied)
    assert kept(copy, path) == "[easyai]\nport = 1\n"


def test_a_copy_that_was_broken_by_hand_hides_no_database_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "config.toml"
    path.write_text("not TOML [")
    keep(tmp_path / COPY_NAME, path, "neither [")
    monkeypatch.setenv("EASYAI_DATA_DIR", str(tmp_path))
    settings, fault = load_in_part(path)
    assert settings.easyai.data_dir == tmp_path
    assert "config.toml: not valid TOML" in fault
