"""Fixtures: an installation on each database, and its runtime with a doorbell that notes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from easyai.runtime import Runtime, open_runtime
from tests.support.installation import Installation
from tests.support.site_fixtures import living_links, migrated_url

__all__ = ["living_links", "migrated_url"]


class NotingDoorbell:
    """Notes which types rang."""

    def __init__(self) -> None:
        self.rung: list[str] = []

    def ring_all(self, task_types: Iterable[str]) -> None:
        """Note the types."""
        self.rung.extend(task_types)

    def close(self) -> None:
        """Nothing waits to be sent."""


@pytest.fixture
def installation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, migrated_url: str
) -> Iterator[Installation]:
    """A migrated installation, on SQLite and on PostgreSQL."""
    made = Installation(tmp_path, monkeypatch, migrated_url, migrated=False)
    yield made
    made.close()


@pytest.fixture
def doorbell() -> NotingDoorbell:
    """The doorbell of `runtime`."""
    return NotingDoorbell()


@pytest.fixture
def runtime(
    installation: Installation,
    doorbell: NotingDoorbell,
    living_links: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Runtime]:
    """The runtime of the installation, its picture links working."""
    monkeypatch.setenv("EASYAI_PUBLIC_URL", living_links)
    opened = open_runtime(doorbell=doorbell)
    yield opened
    opened.close()
