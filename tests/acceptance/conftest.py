"""Fixtures of the acceptance tests: the whole system as a user starts it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.easyai_process import EasyaiProcess


@pytest.fixture
def easyai(tmp_path: Path) -> Iterator[EasyaiProcess]:
    """``easyai up`` with the embedded defaults, not started yet."""
    with EasyaiProcess(tmp_path) as process:
        yield process
