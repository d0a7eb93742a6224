"""A whole installation on each kind of database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.site import Installation


@pytest.fixture(autouse=True)
def _no_variables_of_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in [name for name in os.environ if name.startswith("EASYAI_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[Installation]:
    """An installation with an empty ledger; frames are due for an end mark or after 0.2 s."""
    installation = Installation(tmp_path, database_url, frame_stable_sec=0.2)
    yield installation
    installation.close()
