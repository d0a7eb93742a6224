"""A connection to the embedded broker in a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.broker.embedded import Broker


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """An embedded broker in an empty folder."""
    made = Broker(tmp_path / "broker")
    yield made
    made.close()
