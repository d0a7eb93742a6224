"""Fixtures: a folder for sockets."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder whose path leaves room for a socket's, which pytest's may not."""
    with tempfile.TemporaryDirectory(prefix="t") as folder:
        yield Path(folder)
