"""On a full disk the checks report the disk and nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from easyai.db.session import DISK_FULL
from easyai.health.checks.dependencies import DatabaseCheck
from easyai.health.checks.named_check import run_check
from tests.support.site import Installation
from tests.support.small_disk import small_disk


@pytest.fixture
def site(migrated_file: Path, tmp_path: Path) -> Iterator[Installation]:
    """An installation on SQLite, on a small disk of its own."""
    folder = tmp_path / "disk"
    with small_disk(folder, 24):
        shutil.copy(migrated_file, folder / "easyai.db")
        installation = Installation(folder, f"sqlite:///{folder / 'easyai.db'}")
        yield installation
        installation.close()


@contextmanager
def _full(folder: Path) -> Iterator[None]:
    path = folder / ".ballast"
    with path.open("wb", buffering=0) as ballast:
        try:
            while ballast.write(bytes(1 << 12)):
                pass
        except OSError:
            pass  # full
    yield
    path.unlink()


def _log_bytes(site: Installation) -> int:
    return (site.folder / "easyai.db-wal").stat().st_size


def test_database_check_fails_while_the_disk_is_full(site: Installation) -> None:
    check = DatabaseCheck(site.runtime)
    assert run_check(check).ok
    with _full(site.folder):
        for _ in range(3):
            assert run_check(check).reason.code == DISK_FULL
    assert run_check(check).ok


def test_database_check_writes_nothing_while_the_disk_has_space(site: Installation) -> None:
    check = DatabaseCheck(site.runtime)
    run_check(check)
    before = _log_bytes(site)
    for _ in range(5):
        assert run_check(check).ok
    assert _log_bytes(site) == before
