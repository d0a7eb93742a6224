"""Fixtures: an installation on a broker that each test makes for itself."""

from __future__ import annotations

import pytest

from tests.integration.celery.conftest import make_installation
from tests.support.certificates import Authority

__all__ = ["make_installation"]


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Signs the certificates of the servers, and ours."""
    return Authority(tmp_path_factory.mktemp("authority"))
