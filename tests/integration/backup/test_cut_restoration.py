"""A restore that is interrupted while it replaces an SQLite file loses no old rows."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from easyai.backup import restore as restore_module
from easyai.backup.archive import Reader
from easyai.backup.create import back_up
from easyai.backup.progress_lines import Progress
from easyai.db.session import Database
from easyai.settings.source import SettingsSource
from easyai.store.renames import rename_noreplace
from tests.support.site import Installation

pytestmark = pytest.mark.sqlite_only


class PowerLoss(BaseException):
    """The machine fails: no cleanup runs."""


def _restore(path: str, site: Installation) -> restore_module.Restored:
    reader = Reader(Path(path), Progress())
    try:
        return restore_module.restore(reader, SettingsSource(site.config).current(), replace=True)
    finally:
        reader.close()


def _leave_log(file: Path) -> None:
    """Leave a database as a killed process does: its last commit is only in the log."""
    aside = file.with_name("aside.db")
    with closing(sqlite3.connect(file)) as conn:
        conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        conn.execute("CREATE TABLE last_commit (value)")
        conn.commit()
        for end in ("", "-wal"):
            shutil.copy(f"{file}{end}", f"{aside}{end}")
    for end in ("", "-wal"):
        Path(f"{aside}{end}").replace(f"{file}{end}")
    assert Path(f"{file}-wal").stat().st_size > 0


def _has_last_commit(file: Path) -> bool:
    with closing(sqlite3.connect(file)) as conn:
        found = conn.execute("SELECT count(*) FROM sqlite_master WHERE name = 'last_commit'")
        return bool(found.fetchone()[0])


def test_old_database_is_whole_when_power_fails_during_restore(
    filled: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = back_up(filled.runtime, filled.folder)
    filled.close()
    file = filled.folder / "easyai.db"
    _leave_log(file)

    def fail_before_the_database(source: str, target: str) -> None:
        if source == str(file):
            raise PowerLoss
        rename_noreplace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(restore_module, "rename_noreplace", fail_before_the_database)
        with pytest.raises(PowerLoss):
            _restore(report.path, filled)
    assert _has_last_commit(file)

    restored = _restore(report.path, filled)
    assert _has_last_commit(Path(restored.kept_database))
    assert not _has_last_commit(file)


def test_unreadable_old_database_is_kept_with_its_log(filled: Installation) -> None:
    report = back_up(filled.runtime, filled.folder)
    filled.close()
    file = filled.folder / "easyai.db"
    _leave_log(file)
    log = Path(f"{file}-wal").read_bytes()
    file.write_bytes(b"no database" * 1000)

    restored = _restore(report.path, filled)
    assert Path(restored.kept_database).read_bytes() == b"no database" * 1000
    assert Path(f"{restored.kept_database}-wal").read_bytes() == log
    database = Database(filled.database_url)
    try:
        with database.read() as conn:
            assert conn.exec_driver_sql("SELECT count(*) FROM alerts").scalar_one() == 2
    finally:
        database.dispose()
