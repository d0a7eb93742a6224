"""Fixtures of tests in which watchdogs look at an installation."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.scan_traces import Scans
from tests.support.site import Installation
from tests.support.watchdogs import Watchdogs


@pytest.fixture
def watchdogs(site: Installation) -> Iterator[Watchdogs]:
    """Watchdogs on the installation, ended with the test."""
    made = Watchdogs(site)
    yield made
    made.close()


@pytest.fixture
def scans(site: Installation) -> Iterator[Scans]:
    """A worker that scans."""
    made = Scans(site)
    yield made
    made.cease()
