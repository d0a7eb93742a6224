"""The checks of settings, database and store, and the list of all checks of dependencies.

The checks of broker and bus are beside their clients (`broker/broker_check.py`,
`publish/bus_check.py`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import text
from sqlalchemy.engine import make_url

from easyai.db import revision
from easyai.domain.reason import Reason
from easyai.errors import DatabaseUnavailableError, SettingsError
from easyai.health.checks.data_folder import DataFolderCheck
from easyai.health.checks.disk import DiskCheck, disk_of
from easyai.health.checks.named_check import Check
from easyai.health.checks.picture_fetch import PicturesCheck
from easyai.runtime import Runtime
from easyai.settings.commands import easyai_command
from easyai.store.frame_store import Store

# Checks that only a report runs, since no alarm depends on them; the watchdog runs all others.
_ONLY_IN_REPORTS: Final = (PicturesCheck.name,)
_WRITES_A_PAGE: Final = text("UPDATE alembic_version SET version_num = version_num")


class DatabaseCheck:
    """The database answers, has the newest schema and lets us write."""

    name = "database"
    limit_sec = 7.0  # SQLite waits 5 s for its lock; then the error names the lock
    # With less free space on SQLite's disk, each check writes a page. A transaction that changes
    # nothing, or is rolled back, writes nothing and succeeds even on a full disk.
    SCARCE_BYTES = 16 * 2**20

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def check(self) -> None:
        """Raise DatabaseUnavailableError when the database does not answer or lacks migrations."""
        # A lock blocks writers only, so this transaction writes. Without a change it costs nothing.
        with self._runtime.db.write() as conn:
            db_revision = revision.revision(conn)
            if db_revision and self._room_is_scarce():
                conn.execute(_WRITES_A_PAGE)
        newest = revision.newest()
        if revision.is_of_newer_version(db_revision):
            raise DatabaseUnavailableError(
                Reason.of("database.newer_revision", found=db_revision, newest=newest)
            )
        if db_revision != newest:
            command = easyai_command(self._runtime.settings, "db", "upgrade")
            raise DatabaseUnavailableError(
                Reason.of(
                    "database.older_revision",
                    found=db_revision or "none",
                    newest=newest,
                    command=command,
                )
            )

    def _room_is_scarce(self) -> bool:
        file = make_url(self._runtime.db.url).database if self._runtime.db.is_sqlite else None
        disk = disk_of(Path(file).absolute().parent) if file else None
        return disk is not None and disk.free_bytes < self.SCARCE_BYTES


class StoreCheck:
    """The frame store can be used."""

    name = "store"
    limit_sec = 5.0

    def __init__(self, store: Store) -> None:
        self._store = store

    def check(self) -> None:
        """Raise StoreUnavailableError when the store cannot be used."""
        self._store.check()


class SettingsCheck:
    """The settings in force are the settings in the file."""

    name = "settings"
    limit_sec = 2.0

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def check(self) -> None:
        """Raise SettingsError when the file has a mistake."""
        fault = self._runtime.settings_fault
        if fault:
            raise SettingsError(fault)


def readiness_checks(runtime: Runtime, *others: Check) -> list[Check]:
    """What must work before requests can be served; `others`: the check of the broker."""
    return [DatabaseCheck(runtime), StoreCheck(runtime.store), *others]


def dependency_checks(runtime: Runtime, *others: Check) -> list[Check]:
    """Every check that tries a dependency; rows.py has the checks of database rows.

    `others` as for `readiness_checks`. The bus is left out where none is configured.
    """
    checks = [
        *readiness_checks(runtime, *others),
        DiskCheck(runtime),
        runtime.part(DataFolderCheck),
        PicturesCheck(runtime),
        SettingsCheck(runtime),
    ]
    if runtime.settings.ai_analysis.has_bus:
        checks.append(runtime.part(_bus_check))
    return checks


def watched_checks(runtime: Runtime, *others: Check) -> list[Check]:
    """The dependency checks that the watchdog runs every few seconds."""
    checks = dependency_checks(runtime, *others)
    return [check for check in checks if check.name not in _ONLY_IN_REPORTS]


def _bus_check(runtime: Runtime) -> Check:
    # The check keeps its connection from run to run. The bus' client needs much memory, so it is
    # imported only where a bus is configured.
    from easyai.publish.bus_check import BusCheck

    return BusCheck(lambda: runtime.settings.ai_analysis)
