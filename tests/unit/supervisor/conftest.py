"""Fixtures: a folder for sockets."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder whose path is short enough for a socket, unlike pytest's."""
    with tempfile.TemporaryDirectory(prefix="t") as folder:
        yield Path(folder)
