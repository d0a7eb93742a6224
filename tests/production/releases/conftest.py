"""Built once for all tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.production.releases.built import (
    ROOT,
    SDK,
    SERVER,
    Built,
    Environment,
    build,
    copy_of_checkout,
    locked,
)


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources without git."""
    return copy_of_checkout(tmp_path_factory.mktemp("checkout"))


@pytest.fixture(scope="session")
def built(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Wheels and sources of both distributions."""
    return build(checkout, tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="session")
def server(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Where only the server's wheel is installed, with the locked versions."""
    lock = (ROOT / "locks" / "server.txt").read_text(encoding="utf-8")
    return Environment.made(tmp_path_factory.mktemp("server") / "venv", lock, built.wheel(SERVER))


@pytest.fixture(scope="session")
def author(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Where only the SDK's wheel is installed, as the author of an algorithm has it."""
    lock = locked(["certifi", "charset-normalizer", "idna", "requests", "urllib3"])
    return Environment.made(tmp_path_factory.mktemp("author") / "venv", lock, built.wheel(SDK))
