"""Fixtures: an installation for commands that look at the database."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.installation import Installation


@pytest.fixture
def installation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, migrated_file: Path
) -> Iterator[Installation]:
    """A migrated installation on SQLite."""
    shutil.copyfile(migrated_file, tmp_path / "easyai.db")
    made = Installation(tmp_path, monkeypatch, migrated=False)
    yield made
    made.close()
